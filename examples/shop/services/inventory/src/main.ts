import { Events, eventsConfig } from "@shop/events";
import { connectPostgres, databaseConfig } from "@shop/postgres";
import { readConfig, Service, serviceConfig } from "@shop/service";
import { release, reserve, ship } from "./reservations.js";

const config = readConfig({ ...serviceConfig, ...databaseConfig, ...eventsConfig });
const service = new Service(config);
const db = connectPostgres(service, config);
const events = new Events(service, config, db, "INVENTORY");

service.app.get("/inventory", async () => {
  const { rows } = await db.query(
    `SELECT product_id AS "productId", available, reserved FROM stock ORDER BY product_id`,
  );
  return rows;
});

events.consume("ORDERS", "inventory", {
  "order.created": (event) =>
    events.once(event, async (tx) => {
      const { orderId, userId, totalCents } = event.data;
      const { status, reason } = await reserve(tx, event.data);
      if (status === "reserved") {
        await events.emit(tx, "inventory.reserved", { orderId, userId, totalCents }, event.requestId);
      }
      if (status === "rejected") {
        await events.emit(tx, "inventory.rejected", { orderId, reason: reason ?? "" }, event.requestId);
      }
    }),
  "order.cancelled": (event) => events.once(event, (tx) => release(tx, event.data.orderId)),
  "order.confirmed": (event) => events.once(event, (tx) => ship(tx, event.data.orderId)),
});

await service.listen();
