export { readConfig, serviceConfig } from "./config.js";
export { HttpError, userId } from "./http.js";
export { Service } from "./service.js";
