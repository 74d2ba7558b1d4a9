import { jetstream } from "@nats-io/jetstream";
import { headers, type NatsConnection } from "@nats-io/transport-node";
import { type Database, transaction, type Transaction } from "@shop/postgres";
import { setTimeout as sleep } from "node:timers/promises";
import { Gauge } from "prom-client";
import type { Subject } from "./catalogue.js";

const BATCH = 100;
/** What another instance left behind when it was killed is found by looking. */
const LOOK_EVERY_MS = 1_000;

const pending = new Gauge({ name: "outbox_pending", help: "Events found waiting to be published, at most a batch" });

interface Row {
  position: string;
  id: string;
  subject: Subject;
  data: unknown;
  request_id: string;
}

/** Publishes what transactions left in its table, at least once and in order; receivers drop repeats by the event's id. */
export class Outbox {
  readonly #db: Database;
  #written = Promise.withResolvers<void>();

  constructor(db: Database) {
    this.#db = db;
  }

  async add(tx: Transaction, subject: Subject, data: unknown, requestId: string): Promise<void> {
    await tx.query("INSERT INTO outbox (subject, data, request_id) VALUES ($1, $2, $3)", [subject, data, requestId]);
  }

  /** Something was committed: do not wait for the next look. */
  wake(): void {
    this.#written.resolve();
  }

  async relay(nats: NatsConnection, signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      this.#written = Promise.withResolvers();
      if ((await this.flush(nats)) === BATCH) continue;
      await Promise.race([this.#written.promise, sleep(LOOK_EVERY_MS, undefined, { signal })]);
    }
  }

  /** Publishes one batch; the rows go only when the stream has confirmed every one of them. */
  async flush(nats: NatsConnection): Promise<number> {
    const stream = jetstream(nats);
    return transaction(this.#db, async (tx) => {
      const { rows } = await tx.query<Row>("SELECT * FROM outbox ORDER BY position LIMIT $1 FOR UPDATE SKIP LOCKED", [
        BATCH,
      ]);
      pending.set(rows.length);
      if (rows.length === 0) return 0;
      await Promise.all(
        rows.map(({ id, subject, data, request_id }) => {
          const told = headers();
          told.set("X-Request-Id", request_id);
          return stream.publish(subject, JSON.stringify(data), { msgID: id, headers: told });
        }),
      );
      await tx.query("DELETE FROM outbox WHERE position = ANY($1)", [rows.map(({ position }) => position)]);
      return rows.length;
    });
  }
}
