import { readConfig } from "@shop/service";
import { createHash } from "node:crypto";
import { readdir, readFile } from "node:fs/promises";
import pg from "pg";
import { databaseConfig } from "./database.js";

/** Any number that all runners agree on: one migrates, the others wait. */
const LOCK = 4_202_501;
const FILE_NAME = /^\d{3}_[a-z0-9_]+\.sql$/;

export interface Migration {
  name: string;
  sql: string;
}

export async function readMigrations(folder: URL): Promise<Migration[]> {
  const names = (await readdir(folder)).filter((name) => name.endsWith(".sql"));
  return Promise.all(names.map(async (name) => ({ name, sql: await readFile(new URL(name, folder), "utf8") })));
}

/** By number; a name that has none, or a number that two share, would leave the order to chance. */
export function inOrder(migrations: Migration[]): Migration[] {
  const sorted = [...migrations].sort((a, b) => (a.name < b.name ? -1 : 1));
  sorted.forEach(({ name }, index) => {
    if (!FILE_NAME.test(name)) throw new Error(`${name}: a migration is called like 001_what_it_does.sql`);
    const before = sorted[index - 1]?.name;
    if (before?.slice(0, 3) === name.slice(0, 3)) throw new Error(`${before} and ${name} have the same number`);
  });
  return sorted;
}

/** Applies what is missing, each in its own transaction; safe to run again and by many at once. */
export async function apply(client: pg.Client, migrations: Migration[]): Promise<string[]> {
  const applied: string[] = [];
  await client.query("SELECT pg_advisory_lock($1)", [LOCK]);
  await client.query(`CREATE TABLE IF NOT EXISTS schema_migrations (
    name text PRIMARY KEY, checksum text NOT NULL, applied_at timestamptz NOT NULL DEFAULT now())`);
  const { rows } = await client.query<{ name: string; checksum: string }>(
    "SELECT name, checksum FROM schema_migrations",
  );
  const known = new Map(rows.map(({ name, checksum }) => [name, checksum]));

  for (const { name, sql } of inOrder(migrations)) {
    const checksum = createHash("sha256").update(sql).digest("hex");
    if (known.has(name)) {
      if (known.get(name) !== checksum)
        throw new Error(`${name} was changed after it was applied: add a new migration`);
      continue;
    }
    await client.query("BEGIN");
    try {
      await client.query(sql);
      await client.query("INSERT INTO schema_migrations (name, checksum) VALUES ($1, $2)", [name, checksum]);
      await client.query("COMMIT");
    } catch (error) {
      await client.query("ROLLBACK");
      throw new Error(`${name}: ${(error as Error).message}`, { cause: error });
    }
    applied.push(name);
  }
  return applied;
}

/** The whole of a service's `migrate` command: every folder's migrations, then exit. */
export async function migrate(...folders: URL[]): Promise<void> {
  const { DATABASE_URL } = readConfig(databaseConfig);
  const client = new pg.Client({ connectionString: DATABASE_URL, connectionTimeoutMillis: 10_000 });
  try {
    await client.connect();
    const applied = await apply(client, (await Promise.all(folders.map(readMigrations))).flat());
    console.log(JSON.stringify({ level: "info", msg: "migrated", applied }));
  } catch (error) {
    console.error(JSON.stringify({ level: "fatal", msg: `migration failed: ${(error as Error).message}` }));
    process.exitCode = 1;
  } finally {
    await client.end();
  }
}
