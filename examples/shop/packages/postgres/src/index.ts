export { connectPostgres, type Database, databaseConfig, transaction, type Transaction } from "./database.js";
export { migrate } from "./migrations.js";
