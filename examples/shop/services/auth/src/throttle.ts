import { HttpError } from "@shop/service";
import type { Redis } from "@shop/redis";
import { createHash } from "node:crypto";

const MAX_ATTEMPTS = 10;
const WINDOW_SECONDS = 15 * 60;

/** Ten guesses at an account's password in a quarter of an hour; the right one clears the count. */
export class LoginThrottle {
  constructor(
    private readonly redis: Redis,
    private readonly prefix: string,
  ) {}

  /** Counts before the password is checked: guesses made at the same time count too. */
  async attempt(email: string): Promise<void> {
    const key = this.key(email);
    const [attempts, , secondsLeft] = await this.redis
      .multi()
      .incr(key)
      .expire(key, WINDOW_SECONDS, "NX")
      .ttl(key)
      .exec()
      .catch((cause: unknown) => {
        throw new HttpError(503, "Signing in is not possible at the moment.", { cause });
      });
    if (Number(attempts) > MAX_ATTEMPTS) {
      throw new HttpError(429, "Too many attempts: wait a while.", {
        headers: { "retry-after": String(secondsLeft) },
      });
    }
  }

  async succeeded(email: string): Promise<void> {
    await this.redis.del(this.key(email));
  }

  private key(email: string): string {
    return `${this.prefix}login:${createHash("sha256").update(email).digest("base64url")}`;
  }
}
