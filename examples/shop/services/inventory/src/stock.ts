export interface Item {
  productId: string;
  quantity: number;
}

/** Why these items cannot be reserved, or nothing when they can. */
export function shortage(items: Item[], available: ReadonlyMap<string, number>): string | undefined {
  const short = items.filter(({ productId, quantity }) => (available.get(productId) ?? 0) < quantity);
  if (short.length === 0) return undefined;
  return `out of stock: ${short.map(({ productId }) => productId).join(", ")}`;
}
