import type {
  FastifyBaseLogger,
  FastifyInstance,
  FastifyRequest,
  FastifyTypeProvider,
  RawServerDefault,
} from "fastify";
import type { IncomingMessage, ServerResponse } from "node:http";
import { z } from "zod";

/** Lets a route say its body, query and parameters as zod schemas and have them typed. */
export interface ZodTypes extends FastifyTypeProvider {
  validator: this["schema"] extends z.ZodType ? z.output<this["schema"]> : unknown;
}

export type App = FastifyInstance<RawServerDefault, IncomingMessage, ServerResponse, FastifyBaseLogger, ZodTypes>;

/** An answer that is the caller's business; anything else that is thrown becomes a bare 500. */
export class HttpError extends Error {
  readonly headers: Record<string, string>;

  constructor(
    readonly statusCode: number,
    message: string,
    { headers = {}, cause }: { headers?: Record<string, string>; cause?: unknown } = {},
  ) {
    super(message, { cause });
    this.headers = headers;
  }
}

export function installHttp(app: App): void {
  app.setValidatorCompiler<z.ZodType>(({ schema, httpPart }) => (data) => {
    const result = schema.safeParse(data);
    if (result.success) return { value: result.data };
    const problems = result.error.issues.map(({ path, message }) => `${[httpPart, ...path].join(".")}: ${message}`);
    return { error: new HttpError(400, problems.join("; ")) };
  });

  app.setErrorHandler<Error & { statusCode?: number }>((error, request, reply) => {
    const statusCode = error.statusCode ?? 500;
    if (statusCode >= 500) request.log.error({ err: error }, "request failed");
    if (error instanceof HttpError) reply.headers(error.headers);
    const told = error instanceof HttpError || statusCode < 500;
    return reply.code(statusCode).send({
      error: told ? error.message : "The service could not answer.",
      requestId: request.id,
    });
  });

  app.setNotFoundHandler((request, reply) =>
    reply.code(404).send({ error: "There is nothing here.", requestId: request.id }),
  );
}

/** The signed-in user, as the gateway vouches for it. */
export function userId(request: FastifyRequest): string {
  const user = z.uuid().safeParse(request.headers["x-user-id"]);
  if (!user.success) throw new HttpError(401, "Sign in first.");
  return user.data;
}
