import { z } from "zod";

/** What every service is told. */
export const serviceConfig = {
  NODE_ENV: z.enum(["production", "development", "test"]).default("production"),
  PORT: z.coerce.number().int().min(1).max(65535),
  LOG_LEVEL: z.enum(["fatal", "error", "warn", "info", "debug", "trace"]).default("info"),
  SERVICE_NAME: z.string(),
};

export type ServiceConfig = z.infer<z.ZodObject<typeof serviceConfig>>;

/** Names every variable that is wrong and why, never its value: it may be a secret. */
export class ConfigError extends Error {}

export function parseConfig<Fields extends z.ZodRawShape>(fields: Fields, env: NodeJS.ProcessEnv) {
  const given = Object.fromEntries(Object.entries(env).filter(([, value]) => value !== ""));
  const result = z.object(fields).safeParse(given);
  if (result.success) return result.data;
  const problems = result.error.issues.map((issue) => {
    const name = String(issue.path[0]);
    return `  ${name}: ${given[name] === undefined ? "is not set" : issue.message}`;
  });
  throw new ConfigError(`The environment is not complete:\n${problems.join("\n")}`);
}

/** The configuration, or a clear message and exit status 1. */
export function readConfig<Fields extends z.ZodRawShape>(fields: Fields) {
  try {
    return parseConfig(fields, process.env);
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    console.error(error.message);
    process.exit(1);
  }
}
