import { afterEach, beforeEach, expect, test } from "vitest";
import { z } from "zod";
import { register } from "prom-client";
import { Service } from "../src/service.js";

let service: Service;

beforeEach(() => {
  register.clear();
  service = new Service({ NODE_ENV: "test", PORT: 1, LOG_LEVEL: "fatal", SERVICE_NAME: "tested" });
});
afterEach(() => service.app.close());

const get = (url: string, headers: Record<string, string> = {}) => service.app.inject({ url, headers });

test("health says who, when and for how long", async () => {
  for (const url of ["/health", "/health/live", "/health/ready"]) {
    const response = await get(url);
    expect(response.statusCode).toBe(200);
    expect(response.json()).toMatchObject({ status: "ok", service: "tested", uptime: expect.any(Number) });
    expect(Date.parse(response.json<{ timestamp: string }>().timestamp)).toBeCloseTo(Date.now(), -4);
  }
});

test("is alive but not ready while a dependency is away", async () => {
  service.addReadinessCheck("postgres", async () => {});
  service.addReadinessCheck("nats", () => Promise.reject(new Error("away")));
  const response = await get("/health/ready");
  expect(response.statusCode).toBe(503);
  expect(response.json()).toMatchObject({ status: "unavailable", checks: { postgres: "ok", nats: "unavailable" } });
  expect((await get("/health/live")).statusCode).toBe(200);
});

test("passes a request id on, and replaces one that could forge a log line", async () => {
  expect((await get("/health", { "x-request-id": "trace-1" })).headers["x-request-id"]).toBe("trace-1");
  expect((await get("/health", { "x-request-id": 'a" b' })).headers["x-request-id"]).toMatch(/^[\da-f-]{36}$/);
});

test("says what is wrong with a request, and nothing about its own insides", async () => {
  service.app.get("/number", { schema: { querystring: z.object({ n: z.coerce.number() }) } }, async () => {
    throw new Error("SELECT secret FROM vault");
  });
  const wrong = await get("/number?n=one");
  expect(wrong.statusCode).toBe(400);
  expect(wrong.json<{ error: string }>().error).toContain("querystring.n");
  const failed = await get("/number?n=1");
  expect(failed.statusCode).toBe(500);
  expect(failed.body).not.toContain("vault");
});

test("measures requests by route", async () => {
  service.app.get("/things/:id", async () => ({}));
  await get("/things/1");
  expect((await get("/metrics")).body).toMatch(/http_request_duration_seconds_count\{.*route="\/things\/:id".*\} 1/);
});
