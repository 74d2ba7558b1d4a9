import type { Service } from "@shop/service";
import { createClient } from "redis";
import { z } from "zod";

export const redisConfig = {
  REDIS_URL: z.url({ protocol: /^rediss?$/ }),
  REDIS_PREFIX: z.string().regex(/^[\w-]+:$/, "must be a name and a colon"),
};

export type Redis = ReturnType<typeof connectRedis>;

/** A client that fails at once while Redis is away, and comes back by itself. */
export function connectRedis(service: Service, config: { REDIS_URL: string; SERVICE_NAME: string }) {
  const client = createClient({
    url: config.REDIS_URL,
    name: config.SERVICE_NAME,
    disableOfflineQueue: true,
    socket: { connectTimeout: 3_000, reconnectStrategy: (retries) => Math.min(100 * 2 ** retries, 3_000) },
  });
  client.on("error", (err: Error) => service.log.warn({ err }, "redis connection"));
  client.connect().catch((err: unknown) => service.log.error({ err }, "redis connection ended"));
  service.addReadinessCheck("redis", () => client.ping());
  service.onClose(async () => client.destroy());
  return client;
}
