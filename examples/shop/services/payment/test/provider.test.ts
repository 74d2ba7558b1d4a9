import { randomUUID } from "node:crypto";
import type Stripe from "stripe";
import { expect, test, vi } from "vitest";
import { connectStripe, SimulatedProvider, StripeProvider } from "../src/provider.js";

const orderId = randomUUID();
const create = vi.fn();
const refund = vi.fn();
const stripe = { paymentIntents: { create }, refunds: { create: refund } } as unknown as Stripe;
const provider = new StripeProvider(stripe, "pm_card_visa");

test("the simulation keeps to its rate, and to its word", async () => {
  const orders = Array.from({ length: 2000 }, () => randomUUID());
  const charge = async (rate: number) =>
    Promise.all(orders.map((id) => new SimulatedProvider(rate).charge(id).then(({ ok }) => ok)));
  const first = await charge(0.7);
  expect(await charge(0.7)).toEqual(first);
  expect(first.filter(Boolean).length / orders.length).toBeCloseTo(0.7, 1);
  expect(await charge(1)).not.toContain(false);
  expect(await charge(0)).not.toContain(true);
});

test("Stripe is asked with a key of the order, so that a second call moves no money", async () => {
  create.mockResolvedValueOnce({ id: "pi_1", status: "succeeded" });
  expect(await provider.charge(orderId, 1450)).toEqual({ ok: true, reference: "pi_1" });
  expect(create).toHaveBeenCalledWith(expect.objectContaining({ amount: 1450, currency: "eur", confirm: true }), {
    idempotencyKey: `charge-${orderId}`,
  });
  await provider.refund(orderId, "pi_1");
  expect(refund).toHaveBeenCalledWith({ payment_intent: "pi_1" }, { idempotencyKey: `refund-${orderId}` });
});

test("a declined card is an answer, a failing network is not", async () => {
  create.mockRejectedValueOnce(Object.assign(new Error("Your card was declined."), { type: "StripeCardError" }));
  expect(await provider.charge(orderId, 1450)).toEqual({ ok: false, reason: "Your card was declined." });
  create.mockRejectedValueOnce(Object.assign(new Error("timed out"), { type: "StripeConnectionError" }));
  await expect(provider.charge(orderId, 1450)).rejects.toThrow("timed out");
});

test("Stripe is asked by fetch, which takes the proxy that leads out", async () => {
  const fetch = vi.fn().mockResolvedValue(Response.json({ id: "pi_1", status: "succeeded" }));
  vi.stubGlobal("fetch", fetch);
  const asked = new StripeProvider(connectStripe("sk_test_1"), "pm_card_visa");
  expect(await asked.charge(orderId, 1450)).toEqual({ ok: true, reference: "pi_1" });
  expect(String(fetch.mock.calls[0]?.[0])).toBe("https://api.stripe.com/v1/payment_intents");
});
