export interface Item {
  productId: string;
  quantity: number;
}

/** One line a product. */
export function merge(items: Item[]): Item[] {
  const quantities = new Map<string, number>();
  for (const { productId, quantity } of items) quantities.set(productId, (quantities.get(productId) ?? 0) + quantity);
  return [...quantities].map(([productId, quantity]) => ({ productId, quantity }));
}

/** The same text for the same items, in whatever order they were written down. */
export const canonical = (items: Item[]) =>
  items
    .map(({ productId, quantity }) => `${productId}:${quantity}`)
    .sort()
    .join();
