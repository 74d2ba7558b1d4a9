import { serveSite } from "@shop/site";

await serveSite(new URL("./public/", import.meta.url), "/dashboard/");
