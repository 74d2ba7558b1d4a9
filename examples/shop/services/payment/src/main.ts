import { Events, eventsConfig } from "@shop/events";
import { connectPostgres, databaseConfig } from "@shop/postgres";
import { HttpError, readConfig, Service, serviceConfig, userId } from "@shop/service";
import { z } from "zod";
import { Payments } from "./payments.js";
import { connectStripe, SimulatedProvider, StripeProvider } from "./provider.js";

const config = readConfig({
  ...serviceConfig,
  ...databaseConfig,
  ...eventsConfig,
  PAYMENT_SUCCESS_RATE: z.coerce.number().min(0).max(1).default(0.95),
  STRIPE_SECRET_KEY: z.string().startsWith("sk_", "must start with sk_").optional(),
  // Stripe's test card; a shop with a till of its own would let the browser ask for one.
  STRIPE_PAYMENT_METHOD: z.string().default("pm_card_visa"),
});
const service = new Service(config);
const db = connectPostgres(service, config);
const events = new Events(service, config, db, "PAYMENTS");
const provider = config.STRIPE_SECRET_KEY
  ? new StripeProvider(connectStripe(config.STRIPE_SECRET_KEY), config.STRIPE_PAYMENT_METHOD)
  : new SimulatedProvider(config.PAYMENT_SUCCESS_RATE);
const payments = new Payments(db, events, provider);

service.app.get("/payments/:orderId", { schema: { params: z.object({ orderId: z.uuid() }) } }, async (request) => {
  const payment = await payments.find(userId(request), request.params.orderId);
  if (!payment) throw new HttpError(404, "There is no payment for such an order.");
  const { orderId, totalCents, status, reason } = payment;
  return { orderId, totalCents, status, reason };
});

events.consume("INVENTORY", "payment", { "inventory.reserved": (event) => payments.charge(event) });
events.consume("ORDERS", "payment", { "order.cancelled": (event) => payments.cancel(event) });

await service.listen();
