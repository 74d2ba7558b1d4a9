import { connectPostgres, databaseConfig } from "@shop/postgres";
import { connectRedis, redisConfig } from "@shop/redis";
import { HttpError, readConfig, Service, serviceConfig } from "@shop/service";
import { z } from "zod";
import { Catalogue } from "./catalogue.js";

const config = readConfig({ ...serviceConfig, ...databaseConfig, ...redisConfig });
const service = new Service(config);
const db = connectPostgres(service, config);
const redis = connectRedis(service, config);
const catalogue = new Catalogue(db, redis, `${config.REDIS_PREFIX}all`, service.log);
const { app } = service;

app.get("/products", () => catalogue.all());

app.get("/products/:id", { schema: { params: z.object({ id: z.string() }) } }, async ({ params }) => {
  const product = (await catalogue.all()).find(({ id }) => id === params.id);
  if (!product) throw new HttpError(404, "There is no such product.");
  return product;
});

await service.listen();
