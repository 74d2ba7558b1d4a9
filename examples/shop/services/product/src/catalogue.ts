import type { Database } from "@shop/postgres";
import type { Redis } from "@shop/redis";
import type { Service } from "@shop/service";

const TTL_SECONDS = 60;

export interface Product {
  id: string;
  name: string;
  description: string;
  priceCents: number;
  currency: string;
}

/** The products, read through Redis; without Redis they come from the database. */
export class Catalogue {
  constructor(
    private readonly db: Database,
    private readonly redis: Redis,
    private readonly key: string,
    private readonly log: Service["log"],
  ) {}

  async all(): Promise<Product[]> {
    const cached = await this.redis.get(this.key).catch((err: unknown) => this.withoutCache(err));
    if (cached) return JSON.parse(cached) as Product[];
    const { rows } = await this.db.query<Product>(
      `SELECT id, name, description, price_cents AS "priceCents", currency FROM products ORDER BY name`,
    );
    await this.redis
      .set(this.key, JSON.stringify(rows), { expiration: { type: "EX", value: TTL_SECONDS } })
      .catch((err: unknown) => this.withoutCache(err));
    return rows;
  }

  private withoutCache(err: unknown): null {
    this.log.warn({ err }, "going on without the cache");
    return null;
  }
}
