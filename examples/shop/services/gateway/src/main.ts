import cors from "@fastify/cors";
import proxy from "@fastify/http-proxy";
import { HttpError, readConfig, Service, serviceConfig } from "@shop/service";
import { z } from "zod";
import { signedInUser } from "./identity.js";

const config = readConfig({
  ...serviceConfig,
  JWT_SECRET: z.string().min(32, "must have at least 32 characters"),
  AUTH_SERVICE_URL: z.url(),
  PRODUCTS_SERVICE_URL: z.url(),
  ORDERS_SERVICE_URL: z.url(),
  INVENTORY_SERVICE_URL: z.url(),
  PAYMENTS_SERVICE_URL: z.url(),
  CORS_ORIGINS: z
    .string()
    .default("")
    .transform((list) =>
      list
        .split(",")
        .map((origin) => origin.trim())
        .filter(Boolean),
    ),
});
const secret = new TextEncoder().encode(config.JWT_SECRET);

const routes = [
  { path: "/auth", upstream: config.AUTH_SERVICE_URL, methods: ["POST"], signedIn: false },
  { path: "/products", upstream: config.PRODUCTS_SERVICE_URL, methods: ["GET"], signedIn: false },
  { path: "/inventory", upstream: config.INVENTORY_SERVICE_URL, methods: ["GET"], signedIn: false },
  { path: "/orders", upstream: config.ORDERS_SERVICE_URL, methods: ["GET", "POST"], signedIn: true },
  { path: "/payments", upstream: config.PAYMENTS_SERVICE_URL, methods: ["GET"], signedIn: true },
];

const service = new Service(config);
const { app } = service;
await app.register(cors, { origin: config.CORS_ORIGINS, exposedHeaders: ["x-request-id"] });

app.get("/api/v1/health", { logLevel: "warn" }, () => service.health());

for (const { path, upstream, methods, signedIn } of routes) {
  await app.register(proxy, {
    upstream,
    prefix: `/api/v1${path}`,
    rewritePrefix: path,
    httpMethods: methods,
    disableRequestLogging: true,
    undici: { connectTimeout: 2_000, headersTimeout: 15_000, bodyTimeout: 15_000 },
    preHandler: async ({ id, headers }) => {
      // Who the user is, only the gateway says: what the client sent under that name goes no further.
      delete headers["x-user-id"];
      if (signedIn) headers["x-user-id"] = await signedInUser(headers.authorization, secret);
      delete headers.authorization;
      delete headers.cookie;
      headers["x-request-id"] = id;
    },
    replyOptions: {
      onError: (reply, { error }) => {
        reply.send(new HttpError(502, "The service did not answer.", { cause: error }));
      },
    },
  });
}

await service.listen();
