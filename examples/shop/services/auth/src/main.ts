import { connectPostgres, databaseConfig } from "@shop/postgres";
import { connectRedis, redisConfig } from "@shop/redis";
import { HttpError, readConfig, Service, serviceConfig } from "@shop/service";
import { SignJWT } from "jose";
import { z } from "zod";
import { hashPassword, verifyPassword } from "./passwords.js";
import { LoginThrottle } from "./throttle.js";

const config = readConfig({
  ...serviceConfig,
  ...databaseConfig,
  ...redisConfig,
  JWT_SECRET: z.string().min(32, "must have at least 32 characters"),
  JWT_EXPIRES_IN: z
    .string()
    .regex(/^\d+[smhd]$/, "must be like 30m, 1h or 7d")
    .default("1h"),
});
const secret = new TextEncoder().encode(config.JWT_SECRET);

const service = new Service(config);
const db = connectPostgres(service, config);
const throttle = new LoginThrottle(connectRedis(service, config), config.REDIS_PREFIX);
const { app } = service;

const email = z.string().trim().toLowerCase().max(254).pipe(z.email("is not an e-mail address"));
const newUser = z.object({ email, password: z.string().min(8, "needs at least 8 characters").max(256) });
const credentials = z.object({ email, password: z.string().max(256) });

app.post("/auth/register", { schema: { body: newUser } }, async ({ body }, reply) => {
  const { rows } = await db.query<{ id: string; email: string }>(
    "INSERT INTO users (email, password_hash) VALUES ($1, $2) ON CONFLICT DO NOTHING RETURNING id, email",
    [body.email, await hashPassword(body.password)],
  );
  if (!rows[0]) throw new HttpError(409, "This e-mail address has an account already.");
  return reply.code(201).send(rows[0]);
});

app.post("/auth/login", { schema: { body: credentials } }, async ({ body }) => {
  await throttle.attempt(body.email);
  const { rows } = await db.query<{ id: string; password_hash: string }>(
    "SELECT id, password_hash FROM users WHERE email = $1",
    [body.email],
  );
  const user = rows[0];
  if (!(await verifyPassword(body.password, user?.password_hash)) || !user) {
    throw new HttpError(401, "E-mail address or password is wrong.");
  }
  await throttle.succeeded(body.email);

  const token = await new SignJWT({ email: body.email })
    .setProtectedHeader({ alg: "HS256" })
    .setSubject(user.id)
    .setIssuer("auth-service")
    .setIssuedAt()
    .setExpirationTime(config.JWT_EXPIRES_IN)
    .sign(secret);
  return { token };
});

await service.listen();
