export { api, ApiError, type Order, type Product, type Stock } from "./api.js";
export { Page, Status } from "./page.js";
export { money, when } from "./format.js";
export { usePolling } from "./polling.js";
