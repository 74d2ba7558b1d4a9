import { mkdtemp, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { expect, test } from "vitest";
import { inOrder, readMigrations } from "../src/migrations.js";

const named = (...names: string[]) => names.map((name) => ({ name, sql: "" }));

test("are applied by number, whichever folder they come from", () => {
  const order = inOrder(named("010_later.sql", "002_second.sql", "000_messages.sql")).map(({ name }) => name);
  expect(order).toEqual(["000_messages.sql", "002_second.sql", "010_later.sql"]);
});

test("need a number of their own", () => {
  expect(() => inOrder(named("001_a.sql", "001_b.sql"))).toThrow("001_a.sql and 001_b.sql have the same number");
  expect(() => inOrder(named("add_column.sql"))).toThrow("001_what_it_does.sql");
});

test("are the folder's .sql files", async () => {
  const folder = await mkdtemp(join(tmpdir(), "migrations-"));
  await writeFile(join(folder, "001_a.sql"), "SELECT 1;");
  await writeFile(join(folder, "README.md"), "");
  expect(await readMigrations(pathToFileURL(`${folder}/`))).toEqual([{ name: "001_a.sql", sql: "SELECT 1;" }]);
});
