import { eventsMigrations } from "@shop/events";
import { migrate } from "@shop/postgres";

await migrate(eventsMigrations, new URL("../migrations/", import.meta.url));
