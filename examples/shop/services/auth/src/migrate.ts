import { migrate } from "@shop/postgres";

await migrate(new URL("../migrations/", import.meta.url));
