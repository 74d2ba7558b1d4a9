import { SignJWT } from "jose";
import { expect, test } from "vitest";
import { signedInUser } from "../src/identity.js";

const secret = new TextEncoder().encode("s".repeat(32));
const token = (key = secret, expires = "1h", issuer = "auth-service") =>
  new SignJWT()
    .setProtectedHeader({ alg: "HS256" })
    .setSubject("ana")
    .setIssuer(issuer)
    .setExpirationTime(expires)
    .sign(key);

test("knows the user by the token", async () => {
  expect(await signedInUser(`Bearer ${await token()}`, secret)).toBe("ana");
});

test("refuses what is missing, forged, expired, unsigned or from elsewhere", async () => {
  const unsigned =
    `${btoa('{"alg":"none"}')}.${btoa('{"sub":"ana","exp":9999999999,"iss":"auth-service"}')}.`.replaceAll("=", "");
  const bad = [
    undefined,
    "Basic YTpi",
    `Bearer ${await token(new TextEncoder().encode("t".repeat(32)))}`,
    `Bearer ${await token(secret, "-1s")}`,
    `Bearer ${await token(secret, "1h", "someone")}`,
    `Bearer ${unsigned}`,
  ];
  for (const header of bad) await expect(signedInUser(header, secret)).rejects.toThrow(/Sign in/);
});
