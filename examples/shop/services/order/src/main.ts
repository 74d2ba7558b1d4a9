import { type Event, Events, eventsConfig } from "@shop/events";
import { connectPostgres, databaseConfig } from "@shop/postgres";
import { HttpError, readConfig, Service, serviceConfig, userId } from "@shop/service";
import { z } from "zod";
import { merge } from "./items.js";
import { Orders } from "./orders.js";
import { total } from "./prices.js";
import type { News } from "./saga.js";

const SWEEP_EVERY_MS = 5_000;

const config = readConfig({
  ...serviceConfig,
  ...databaseConfig,
  ...eventsConfig,
  PRODUCTS_SERVICE_URL: z.url(),
  ORDER_TIMEOUT_SECONDS: z.coerce.number().positive().default(300),
  ORDER_REDRIVE_SECONDS: z.coerce.number().positive().default(15),
});
const service = new Service(config);
const db = connectPostgres(service, config);
const events = new Events(service, config, db, "ORDERS");
const orders = new Orders(db, events);
const { app } = service;

const item = z.object({ productId: z.string().min(1).max(64), quantity: z.number().int().min(1).max(100) });
const body = z.object({ items: z.array(item).min(1).max(50).transform(merge) });
const headers = z.object({ "idempotency-key": z.string().min(1).max(255).optional() });
const params = z.object({ id: z.uuid() });

app.post("/orders", { schema: { body, headers } }, async (request, reply) => {
  const user = userId(request);
  const { items } = request.body;
  const key = request.headers["idempotency-key"];
  const order =
    (key && (await orders.placedWith(user, key, items))) ||
    (await orders.place(user, items, await total(items, config.PRODUCTS_SERVICE_URL, request.id), key, request.id));
  return reply.code(201).header("location", `/api/v1/orders/${order.id}`).send({ id: order.id, status: order.status });
});

app.get("/orders", (request) => orders.of(userId(request)));

app.get("/orders/:id", { schema: { params } }, async (request) => {
  const order = await orders.find(userId(request), request.params.id);
  if (!order) throw new HttpError(404, "There is no such order.");
  return order;
});

const hear = (event: Event & News) => events.once(event, (tx) => orders.hear(tx, event, event.requestId));
events.consume("INVENTORY", "order", { "inventory.rejected": hear });
events.consume("PAYMENTS", "order", { "payment.succeeded": hear, "payment.failed": hear });

let sweeping = Promise.resolve();
const sweeper = setInterval(() => {
  sweeping = orders
    .sweep(config.ORDER_TIMEOUT_SECONDS, config.ORDER_REDRIVE_SECONDS)
    .catch((err: unknown) => service.log.warn({ err }, "could not sweep"));
}, SWEEP_EVERY_MS);
service.onClose(() => {
  clearInterval(sweeper);
  return sweeping;
});

await service.listen();
