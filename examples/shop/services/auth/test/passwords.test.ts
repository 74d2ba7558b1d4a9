import { expect, test } from "vitest";
import { hashPassword, verifyPassword } from "../src/passwords.js";

const quick = { N: 2 ** 10, r: 8, p: 1 };

test("accepts the password and nothing else", async () => {
  const stored = await hashPassword("correct horse", quick);
  expect(await verifyPassword("correct horse", stored)).toBe(true);
  expect(await verifyPassword("correct horsf", stored)).toBe(false);
  expect(await verifyPassword("", stored)).toBe(false);
});

test("refuses a user who does not exist", async () => {
  expect(await verifyPassword("anything", undefined)).toBe(false);
});

test("salts: the same password never looks the same", async () => {
  expect(await hashPassword("twice", quick)).not.toBe(await hashPassword("twice", quick));
});
