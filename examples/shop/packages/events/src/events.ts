import type { JsMsg } from "@nats-io/jetstream";
import type { NatsConnection } from "@nats-io/transport-node";
import { type Database, transaction, type Transaction } from "@shop/postgres";
import type { Service } from "@shop/service";
import { setTimeout as sleep } from "node:timers/promises";
import { Counter } from "prom-client";
import { catalogue, type Data, decode, type Event, type Handlers, type Stream, type Subject } from "./catalogue.js";
import { connectNats, ensureConsumer, ensureStream } from "./connection.js";
import { Outbox } from "./outbox.js";

const CONCURRENCY = 4;
const RETRY_MS = 1_000;
const MAX_RETRY_MS = 30_000;
const FORGET_EVERY_MS = 3_600_000;

const handled = new Counter({
  name: "events_handled_total",
  help: "Events by outcome",
  labelNames: ["subject", "outcome"],
});

/**
 * A service's events. What a transaction emits is published if and only if it commits, and what `once` does
 * for an event is done once, however often the event arrives. Everything else is tried until it works.
 */
export class Events {
  readonly #db: Database;
  readonly #log: Service["log"];
  readonly #nats: Promise<NatsConnection>;
  readonly #outbox: Outbox;
  readonly #stopping = new AbortController();
  readonly #running: Promise<void>[] = [];

  constructor(service: Service, config: Parameters<typeof connectNats>[0], db: Database, stream: Stream) {
    this.#db = db;
    this.#log = service.log;
    this.#nats = connectNats(config);
    this.#outbox = new Outbox(db);

    let connected: NatsConnection | undefined;
    void this.#nats.then((nats) => (connected = nats));
    service.addReadinessCheck("nats", async () => {
      if (!connected) throw new Error("not connected yet");
      await connected.flush();
    });

    const forget = setInterval(() => void this.#forget(), FORGET_EVERY_MS);
    this.#keepRunning("publishing", async (nats, signal) => {
      await ensureStream(nats, stream);
      this.#log.info({ stream }, "publishing");
      await this.#outbox.relay(nats, signal);
    });

    service.onClose(async () => {
      clearInterval(forget);
      this.#stopping.abort();
      await Promise.all(this.#running);
      if (!connected) return;
      await this.#outbox
        .flush(connected)
        .catch((err: unknown) => this.#log.warn({ err }, "the rest is published later"));
      await connected.drain();
    });
  }

  /** Part of the transaction: published soon after the commit, or never. */
  async emit<S extends Subject>(tx: Transaction, subject: S, data: Data<S>, requestId: string): Promise<void> {
    await this.#outbox.add(tx, subject, catalogue[subject].parse(data), requestId);
  }

  async transaction<T>(work: (tx: Transaction) => Promise<T>): Promise<T> {
    const result = await transaction(this.#db, work);
    this.#outbox.wake();
    return result;
  }

  /** Does the work in one transaction with the note that this event was handled. */
  async once(event: Event, work: (tx: Transaction) => Promise<void>): Promise<void> {
    await this.transaction(async (tx) => {
      const { rowCount } = await tx.query("INSERT INTO inbox (id) VALUES ($1) ON CONFLICT DO NOTHING", [event.id]);
      if (rowCount === 1) await work(tx);
    });
  }

  /** Follows a stream from where the durable consumer of that name had got to. */
  consume(stream: Stream, durable: string, handlers: Handlers): void {
    this.#keepRunning(`consuming ${stream}`, async (nats, signal) => {
      const consumer = await ensureConsumer(nats, stream, durable);
      this.#log.info({ stream, durable }, "consuming");
      const messages = await consumer.consume({ max_messages: 32, abort_on_missing_resource: true });
      const stop = () => messages.stop();
      signal.addEventListener("abort", stop, { once: true });
      const inFlight = new Set<Promise<void>>();
      try {
        for await (const message of messages) {
          // What a stopping service has not begun is another's at once, not after the wait for an ack.
          if (signal.aborted) message.nak();
          else {
            const task = this.#handle(message, handlers).finally(() => inFlight.delete(task));
            inFlight.add(task);
            if (inFlight.size >= CONCURRENCY) await Promise.race(inFlight);
          }
        }
      } finally {
        signal.removeEventListener("abort", stop);
        await Promise.all(inFlight);
      }
    });
  }

  /** A task begins when NATS answers, begins again when it fails (a stream is not there yet, NATS was away), and ends with the service. */
  #keepRunning(what: string, task: (nats: NatsConnection, signal: AbortSignal) => Promise<void>): void {
    const { signal } = this.#stopping;
    const stopped = new Promise<never>((_resolve, reject) =>
      signal.addEventListener("abort", () => reject(signal.reason)),
    );
    stopped.catch(() => {});
    const run = async () => {
      while (!signal.aborted) {
        try {
          const nats = await Promise.race([this.#nats, stopped]);
          await task(nats, signal);
        } catch (err) {
          if (signal.aborted) return;
          this.#log.warn({ reason: String(err) }, `${what}: will try again`);
          await sleep(RETRY_MS, undefined, { signal }).catch(() => {});
        }
      }
    };
    this.#running.push(run());
  }

  async #handle(message: JsMsg, handlers: Handlers): Promise<void> {
    const subject = message.subject as Subject;
    const handler = handlers[subject] as ((event: Event) => Promise<void>) | undefined;
    if (!handler) return message.ack();

    let event: Event;
    try {
      event = decode(message);
    } catch (err) {
      this.#log.error({ err, subject }, "dropped an event that cannot be read");
      handled.inc({ subject, outcome: "dropped" });
      return message.term();
    }
    const about = { subject, orderId: event.data.orderId, requestId: event.requestId };
    try {
      await handler(event);
      message.ack();
      handled.inc({ subject, outcome: "handled" });
      this.#log.info(about, "handled");
    } catch (err) {
      message.nak(Math.min(RETRY_MS * 2 ** (message.info.deliveryCount - 1), MAX_RETRY_MS));
      handled.inc({ subject, outcome: "retried" });
      this.#log.warn({ ...about, err }, "will try again");
    }
  }

  /** A stream keeps an event for three days: after seven it cannot come back. */
  async #forget(): Promise<void> {
    await this.#db
      .query("DELETE FROM inbox WHERE received_at < now() - interval '7 days'")
      .catch((err: unknown) => this.#log.warn({ err }, "could not clear the inbox"));
  }
}
