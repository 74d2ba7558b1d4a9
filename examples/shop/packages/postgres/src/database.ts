import type { Service } from "@shop/service";
import pg from "pg";
import { z } from "zod";

export const databaseConfig = {
  DATABASE_URL: z.url({ protocol: /^postgres(ql)?$/ }),
  DATABASE_POOL_SIZE: z.coerce.number().int().min(2).default(10),
};

export type Database = pg.Pool;
export type Transaction = pg.PoolClient;

/** A pool that readiness checks, and that closes after everything which uses it. */
export function connectPostgres(
  service: Service,
  config: { DATABASE_URL: string; DATABASE_POOL_SIZE: number; SERVICE_NAME: string },
): Database {
  const pool = new pg.Pool({
    connectionString: config.DATABASE_URL,
    max: config.DATABASE_POOL_SIZE,
    application_name: config.SERVICE_NAME,
    connectionTimeoutMillis: 5_000,
    statement_timeout: 15_000,
  });
  // An idle connection that breaks is replaced at the next query; unheard, the event would end the process.
  pool.on("error", (err) => service.log.warn({ err }, "lost a database connection"));
  service.addReadinessCheck("postgres", () => pool.query("SELECT 1"));
  service.onClose(() => pool.end());
  return pool;
}

/** Commits what `work` did, or nothing of it. */
export async function transaction<T>(db: Database, work: (tx: Transaction) => Promise<T>): Promise<T> {
  const tx = await db.connect();
  try {
    await tx.query("BEGIN");
    const result = await work(tx);
    await tx.query("COMMIT");
    tx.release();
    return result;
  } catch (error) {
    // A connection that cannot even roll back is not worth keeping.
    await tx.query("ROLLBACK").then(
      () => tx.release(),
      (broken: Error) => tx.release(broken),
    );
    throw error;
  }
}
