import { HttpError } from "@shop/service";
import { z } from "zod";
import type { Item } from "./items.js";

const TIMEOUT_MS = 5_000;
const products = z.array(z.object({ id: z.string(), priceCents: z.number().int().positive() }));

/** What the items cost according to the product service. */
export async function total(items: Item[], productsUrl: string, requestId: string): Promise<number> {
  const response = await fetch(new URL("/products", productsUrl), {
    headers: { "x-request-id": requestId },
    signal: AbortSignal.timeout(TIMEOUT_MS),
  }).catch((cause: unknown) => {
    throw unavailable(cause);
  });
  if (!response.ok) throw unavailable(new Error(`HTTP ${response.status}`));

  const prices = new Map(products.parse(await response.json()).map(({ id, priceCents }) => [id, priceCents]));
  return items.reduce((sum, { productId, quantity }) => {
    const price = prices.get(productId);
    if (price === undefined) throw new HttpError(422, `There is no product ${productId}.`);
    return sum + price * quantity;
  }, 0);
}

const unavailable = (cause: unknown) =>
  new HttpError(503, "The prices are not known at the moment.", { headers: { "retry-after": "1" }, cause });
