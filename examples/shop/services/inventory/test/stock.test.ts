import { expect, test } from "vitest";
import { shortage } from "../src/stock.js";

const available = new Map([
  ["soap", 2],
  ["guitar", 0],
]);

test("the last piece can be had", () => {
  expect(shortage([{ productId: "soap", quantity: 2 }], available)).toBeUndefined();
});

test("all or nothing, and it says what is missing", () => {
  const items = [
    { productId: "soap", quantity: 1 },
    { productId: "guitar", quantity: 1 },
    { productId: "unicorn", quantity: 1 },
  ];
  expect(shortage(items, available)).toBe("out of stock: guitar, unicorn");
});
