import { expect, test } from "vitest";
import { catalogue, decode, streams } from "../src/catalogue.js";

const id = "0d0a7f6e-4b0c-4a53-9d0e-8f6d1f2b7a10";
const message = (subject: string, data: unknown, headers: Record<string, string> = { "Nats-Msg-Id": id }) => ({
  subject,
  json: () => data,
  headers: { get: (name: string) => headers[name] ?? "" },
});

test("reads an event with its id and the request it came from", () => {
  const headers = { "Nats-Msg-Id": id, "X-Request-Id": "trace-1" };
  expect(decode(message("order.confirmed", { orderId: id }, headers))).toEqual({
    id,
    subject: "order.confirmed",
    data: { orderId: id },
    requestId: "trace-1",
  });
});

test.each([
  ["a subject that nobody knows", message("order.eaten", { orderId: id })],
  ["an event without an id", message("order.confirmed", { orderId: id }, {})],
  ["data that does not fit", message("order.confirmed", { orderId: "seven" })],
  ["an amount that is none", message("inventory.reserved", { orderId: id, userId: id, totalCents: 0 })],
])("refuses %s", (_what, given) => {
  expect(() => decode(given)).toThrow();
});

test("every subject belongs to exactly one stream", () => {
  const prefixes = Object.values(streams).map((subject) => subject.replace(">", ""));
  for (const subject of Object.keys(catalogue)) {
    expect(prefixes.filter((prefix) => subject.startsWith(prefix))).toHaveLength(1);
  }
});
