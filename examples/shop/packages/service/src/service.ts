import closeWithGrace from "close-with-grace";
import Fastify, { LogController } from "fastify";
import { randomUUID } from "node:crypto";
import { collectDefaultMetrics, Histogram, register } from "prom-client";
import type { ServiceConfig } from "./config.js";
import { type App, installHttp, type ZodTypes } from "./http.js";

const CHECK_TIMEOUT_MS = 2_000;
const SHUTDOWN_TIMEOUT_MS = 25_000;
const REQUEST_ID = /^[\w.:/+=-]{1,128}$/;
const PROBES = ["/health", "/health/ready", "/health/live", "/metrics"];

export interface Health {
  status: "ok" | "unavailable";
  service: string;
  timestamp: string;
  uptime: number;
  checks?: Record<string, "ok" | "unavailable">;
}

/** What every service has: HTTP, JSON logs with a request id, health, metrics, and an orderly end. */
export class Service {
  readonly app: App;
  readonly #name: string;
  readonly #port: number;
  readonly #checks = new Map<string, () => Promise<unknown>>();

  constructor(config: ServiceConfig) {
    this.#name = config.SERVICE_NAME;
    this.#port = config.PORT;
    this.app = Fastify({
      logger: {
        level: config.LOG_LEVEL,
        base: { service: config.SERVICE_NAME },
        formatters: { level: (label) => ({ level: label }) },
        timestamp: () => `,"time":"${new Date().toISOString()}"`,
      },
      logController: new LogController({ requestIdLogLabel: "requestId" }),
      genReqId: ({ headers: { "x-request-id": given } }) =>
        typeof given === "string" && REQUEST_ID.test(given) ? given : randomUUID(),
      requestTimeout: 30_000,
      bodyLimit: 64 * 1024,
    }).withTypeProvider<ZodTypes>();

    installHttp(this.app);
    this.app.addHook("onRequest", async (request, reply) => void reply.header("x-request-id", request.id));
    this.#serveHealth();
    this.#serveMetrics();
  }

  get log(): App["log"] {
    return this.app.log;
  }

  /** Ready means that each of these passes. */
  addReadinessCheck(name: string, check: () => Promise<unknown>): void {
    this.#checks.set(name, check);
  }

  /** Runs after the last request was answered, the latest added first. */
  onClose(close: () => Promise<unknown>): void {
    this.app.addHook("onClose", async () => void (await close()));
  }

  async listen(): Promise<void> {
    closeWithGrace({ delay: SHUTDOWN_TIMEOUT_MS, logger: this.log }, async ({ err, signal }) => {
      if (err) this.log.fatal({ err }, "stopping after an unexpected error");
      else this.log.info({ signal }, "stopping");
      await this.app.close();
    });
    await this.app.listen({ host: "0.0.0.0", port: this.#port });
  }

  health(): Health {
    return {
      status: "ok",
      service: this.#name,
      timestamp: new Date().toISOString(),
      uptime: Math.round(process.uptime()),
    };
  }

  async readiness(): Promise<Health> {
    const results = await Promise.all(
      [...this.#checks].map(async ([name, check]) => [name, await this.#passes(name, check)] as const),
    );
    return {
      ...this.health(),
      status: results.every(([, result]) => result === "ok") ? "ok" : "unavailable",
      checks: Object.fromEntries(results),
    };
  }

  async #passes(name: string, check: () => Promise<unknown>): Promise<"ok" | "unavailable"> {
    const { promise: late, reject } = Promise.withResolvers<never>();
    const timer = setTimeout(() => reject(new Error("no answer in time")), CHECK_TIMEOUT_MS);
    try {
      await Promise.race([check(), late]);
      return "ok";
    } catch (err) {
      this.log.warn({ err, check: name }, "not ready");
      return "unavailable";
    } finally {
      clearTimeout(timer);
    }
  }

  #serveHealth(): void {
    const quiet = { logLevel: "warn" } as const;
    this.app.get("/health", quiet, () => this.health());
    this.app.get("/health/live", quiet, () => this.health());
    this.app.get("/health/ready", quiet, async (_request, reply) => {
      const health = await this.readiness();
      return reply.code(health.status === "ok" ? 200 : 503).send(health);
    });
  }

  #serveMetrics(): void {
    register.setDefaultLabels({ service: this.#name });
    collectDefaultMetrics();
    const duration = new Histogram({
      name: "http_request_duration_seconds",
      help: "Time from a request to its answer",
      labelNames: ["method", "route", "status"],
      buckets: [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10],
    });
    this.app.addHook("onResponse", async (request, reply) => {
      const route = request.routeOptions.url ?? "unknown";
      if (PROBES.includes(route)) return;
      duration.observe({ method: request.method, route, status: reply.statusCode }, reply.elapsedTime / 1000);
    });
    this.app.get("/metrics", { logLevel: "warn" }, async (_request, reply) =>
      reply.type(register.contentType).send(await register.metrics()),
    );
  }
}
