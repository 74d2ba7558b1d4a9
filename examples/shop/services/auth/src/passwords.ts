import { randomBytes, scrypt, type ScryptOptions, timingSafeEqual } from "node:crypto";
import { promisify } from "node:util";

const derive = promisify<string, Buffer, number, ScryptOptions, Buffer>(scrypt);

/** OWASP's parameters for scrypt: 32 MB and about 0.2 s a guess. */
const COST = { N: 2 ** 15, r: 8, p: 3 };
const MAX_MEMORY = 64 * 1024 * 1024;
const LENGTH = 32;

/** `scrypt$N$r$p$salt$hash`: the parameters travel along, so that they can be raised later. */
export async function hashPassword(password: string, cost = COST): Promise<string> {
  const salt = randomBytes(16);
  const hash = await derive(password.normalize("NFKC"), salt, LENGTH, { ...cost, maxmem: MAX_MEMORY });
  return ["scrypt", cost.N, cost.r, cost.p, salt.toString("base64"), hash.toString("base64")].join("$");
}

/** Takes as long for a user who does not exist: time says nothing about who has an account. */
export async function verifyPassword(password: string, stored: string | undefined): Promise<boolean> {
  const [, N, r, p, salt = "", hash = ""] = (stored ?? (await nobody)).split("$");
  const cost = { N: Number(N), r: Number(r), p: Number(p), maxmem: MAX_MEMORY };
  const expected = Buffer.from(hash, "base64");
  const actual = await derive(password.normalize("NFKC"), Buffer.from(salt, "base64"), expected.length, cost);
  return timingSafeEqual(actual, expected) && stored !== undefined;
}

const nobody = hashPassword(randomBytes(32).toString("base64"));
