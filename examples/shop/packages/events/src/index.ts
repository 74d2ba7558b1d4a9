export type { Data, Event } from "./catalogue.js";
export { eventsConfig } from "./connection.js";
export { Events } from "./events.js";

/** The outbox and the inbox: every service that has events migrates these first. */
export const eventsMigrations = new URL("../migrations/", import.meta.url);
