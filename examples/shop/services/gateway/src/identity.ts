import { HttpError } from "@shop/service";
import { jwtVerify } from "jose";

/** The user whom the bearer token names, or 401. */
export async function signedInUser(authorization: string | undefined, secret: Uint8Array): Promise<string> {
  const token = authorization?.match(/^Bearer (\S+)$/i)?.[1];
  if (!token) throw new HttpError(401, "Sign in first.", { headers: { "www-authenticate": "Bearer" } });
  try {
    const { payload } = await jwtVerify(token, secret, {
      algorithms: ["HS256"],
      issuer: "auth-service",
      requiredClaims: ["sub", "exp"],
    });
    return payload.sub as string;
  } catch (cause) {
    throw new HttpError(401, "Sign in again.", {
      headers: { "www-authenticate": 'Bearer error="invalid_token"' },
      cause,
    });
  }
}
