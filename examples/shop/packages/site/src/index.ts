import helmet from "@fastify/helmet";
import files from "@fastify/static";
import { readConfig, Service, serviceConfig } from "@shop/service";

/** Serves the pages that Vite built into `root`, under `base`. */
export async function serveSite(root: URL, base: string): Promise<void> {
  const service = new Service(readConfig(serviceConfig));
  const { app } = service;

  await app.register(helmet, {
    contentSecurityPolicy: {
      useDefaults: false,
      directives: {
        defaultSrc: ["'self'"],
        imgSrc: ["'self'", "data:"],
        objectSrc: ["'none'"],
        baseUri: ["'none'"],
        formAction: ["'self'"],
        frameAncestors: ["'none'"],
      },
    },
    // Whoever ends TLS decides on this one.
    strictTransportSecurity: false,
  });
  await app.register(files, {
    root,
    prefix: base,
    // Vite puts a hash of the content into the names of assets; pages keep their names.
    setHeaders: (reply, path) =>
      reply.header("cache-control", path.includes("/assets/") ? "public, max-age=31536000, immutable" : "no-cache"),
  });
  if (base !== "/") app.get(base.slice(0, -1), (_request, reply) => reply.redirect(base, 308));

  await service.listen();
}
