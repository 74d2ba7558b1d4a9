import { expect, test } from "vitest";
import { decide, type News, type Status } from "../src/saga.js";
import { merge } from "../src/items.js";

const orderId = "7f6e2f0e-8f5f-4b61-9a44-3a7c5f0f3c11";
const rejected: News = { subject: "inventory.rejected", data: { orderId, reason: "out of stock: guitar" } };
const paid: News = { subject: "payment.succeeded", data: { orderId } };
const declined: News = { subject: "payment.failed", data: { orderId, reason: "card declined" } };
const late: News = { subject: "timed out", data: { orderId } };
const everything = [rejected, paid, declined, late];

test("a pending order follows the first news it hears", () => {
  expect(decide("pending", null, paid)).toEqual({ status: "confirmed", reason: null });
  expect(decide("pending", null, rejected)).toEqual({ status: "cancelled", reason: "out of stock: guitar" });
  expect(decide("pending", null, declined)).toEqual({ status: "cancelled", reason: "card declined" });
  expect(decide("pending", null, late)).toEqual({ status: "cancelled", reason: "timed out" });
});

test("a confirmed order is settled", () => {
  for (const news of everything) expect(decide("confirmed", null, news)).toBeUndefined();
});

test("a cancelled order stays cancelled, and sends a late payment back", () => {
  expect(decide("cancelled", "timed out", paid)).toEqual({ status: "cancelled", reason: "timed out" });
  for (const news of [rejected, declined, late]) expect(decide("cancelled", "timed out", news)).toBeUndefined();
});

test("in whatever order news comes, and however often, an order ends in one state and stays there", () => {
  const orders = (list: News[]): News[][] =>
    list.length === 0 ? [[]] : list.flatMap((one, i) => orders(list.toSpliced(i, 1)).map((rest) => [one, ...rest]));
  for (const sequence of orders([...everything, paid])) {
    const seen: Status[] = [];
    let status: Status = "pending";
    for (const news of sequence) {
      status = decide(status, null, news)?.status ?? status;
      seen.push(status);
    }
    expect(new Set(seen).size).toBe(1);
    expect(seen[0]).not.toBe("pending");
  }
});

test("the same product twice is one line", () => {
  const soap = { productId: "laurel-soap", quantity: 1 };
  expect(merge([soap, { productId: "olive-oil", quantity: 2 }, soap])).toEqual([
    { productId: "laurel-soap", quantity: 2 },
    { productId: "olive-oil", quantity: 2 },
  ]);
});
