import {
  type ConsumerConfig,
  AckPolicy,
  jetstreamManager,
  JetStreamApiError,
  RetentionPolicy,
  StorageType,
} from "@nats-io/jetstream";
import { connect, nanos, type NatsConnection } from "@nats-io/transport-node";
import { z } from "zod";
import { type Stream, streams } from "./catalogue.js";

export const eventsConfig = {
  NATS_URL: z.url({ protocol: /^(nats|tls)$/ }),
  NATS_INBOX_PREFIX: z.string().default("_INBOX"),
};

/** Longer than any handler takes: what a killed service had in hand comes back after this. */
const ACK_WAIT_MS = 20_000;
const KEEP_MS = 3 * 24 * 3600 * 1000;
const STREAM_DIFFERS = 10058;
const CONSUMER_NOT_FOUND = 10014;

/** Resolves when NATS first answers, however long that takes, and stays connected from then on. */
export function connectNats(config: { NATS_URL: string; NATS_INBOX_PREFIX: string; SERVICE_NAME: string }) {
  const url = new URL(config.NATS_URL);
  return connect({
    servers: url.host,
    name: config.SERVICE_NAME,
    user: decodeURIComponent(url.username),
    pass: decodeURIComponent(url.password),
    inboxPrefix: config.NATS_INBOX_PREFIX,
    ...(url.protocol === "tls:" && { tls: {} }),
    waitOnFirstConnect: true,
    ignoreAuthErrorAbort: true,
    maxReconnectAttempts: -1,
    reconnectTimeWait: 500,
  });
}

/** A service may ask about the streams it uses, not about the account: no API check. */
export const manage = (nats: NatsConnection) => jetstreamManager(nats, { checkAPI: false });

export async function ensureStream(nats: NatsConnection, name: Stream): Promise<void> {
  const { streams: api } = await manage(nats);
  const config = {
    subjects: [streams[name]],
    storage: StorageType.File,
    retention: RetentionPolicy.Limits,
    max_age: nanos(KEEP_MS),
    duplicate_window: nanos(120_000),
  };
  try {
    await api.add({ name, ...config });
  } catch (error) {
    if (!(error instanceof JetStreamApiError && error.code === STREAM_DIFFERS)) throw error;
    await api.update(name, config);
  }
}

/** Fails while the stream's owner has not made it yet: the caller tries again. */
export async function ensureConsumer(nats: NatsConnection, stream: Stream, durable: string) {
  const api = await manage(nats);
  const config: Partial<ConsumerConfig> = { ack_wait: nanos(ACK_WAIT_MS), max_deliver: -1, max_ack_pending: 256 };
  try {
    await api.consumers.update(stream, durable, config);
  } catch (error) {
    if (!(error instanceof JetStreamApiError && error.code === CONSUMER_NOT_FOUND)) throw error;
    await api.consumers.add(stream, { ...config, durable_name: durable, ack_policy: AckPolicy.Explicit });
  }
  return api.jetstream().consumers.get(stream, durable);
}
