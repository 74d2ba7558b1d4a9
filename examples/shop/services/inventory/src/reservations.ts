import type { Data } from "@shop/events";
import type { Transaction } from "@shop/postgres";
import { type Item, shortage } from "./stock.js";

interface Reservation {
  status: "reserved" | "rejected" | "released" | "shipped";
  items: Item[];
  reason: string | null;
}

/**
 * Reserves an order's goods, or rejects it; asked again, answers the same. An order that was cancelled before its
 * creation arrived is already there as released, and stays so.
 */
export async function reserve(tx: Transaction, order: Data<"order.created">): Promise<Reservation> {
  const { rowCount } = await tx.query(
    "INSERT INTO reservations (order_id, status, items) VALUES ($1, 'reserved', $2) ON CONFLICT DO NOTHING",
    [order.orderId, JSON.stringify(order.items)],
  );
  if (rowCount === 1) {
    const { rows: stock } = await tx.query<{ product_id: string; available: number }>(
      `SELECT product_id, available FROM stock WHERE product_id = ANY($1) ORDER BY product_id COLLATE "C" FOR UPDATE`,
      [order.items.map(({ productId }) => productId)],
    );
    const reason = shortage(order.items, new Map(stock.map((row) => [row.product_id, row.available])));
    if (reason === undefined) await move(tx, order.items, { available: -1, reserved: 1 });
    else {
      await tx.query("UPDATE reservations SET status = 'rejected', reason = $2 WHERE order_id = $1", [
        order.orderId,
        reason,
      ]);
    }
  }
  return (await locked(tx, order.orderId)) as Reservation;
}

/** The order was cancelled: what was reserved for it can be sold again. */
export async function release(tx: Transaction, orderId: string): Promise<void> {
  await tx.query("INSERT INTO reservations (order_id, status) VALUES ($1, 'released') ON CONFLICT DO NOTHING", [
    orderId,
  ]);
  await settle(tx, orderId, "released", { available: 1, reserved: -1 });
}

/** The order was confirmed: what was reserved for it leaves the house. */
export async function ship(tx: Transaction, orderId: string): Promise<void> {
  await settle(tx, orderId, "shipped", { available: 0, reserved: -1 });
}

async function settle(tx: Transaction, orderId: string, status: Reservation["status"], change: Change): Promise<void> {
  const reservation = await locked(tx, orderId);
  if (reservation?.status !== "reserved") return;
  await move(tx, reservation.items, change);
  await tx.query("UPDATE reservations SET status = $2 WHERE order_id = $1", [orderId, status]);
}

async function locked(tx: Transaction, orderId: string): Promise<Reservation | undefined> {
  const { rows } = await tx.query<Reservation>(
    "SELECT status, items, reason FROM reservations WHERE order_id = $1 FOR UPDATE",
    [orderId],
  );
  return rows[0];
}

interface Change {
  available: -1 | 0 | 1;
  reserved: -1 | 1;
}

/** Rows are locked in one order everywhere, so that two orders never wait for each other. */
async function move(tx: Transaction, items: Item[], change: Change): Promise<void> {
  const sorted = [...items].sort((a, b) => (a.productId < b.productId ? -1 : 1));
  for (const { productId, quantity } of sorted) {
    await tx.query("UPDATE stock SET available = available + $2, reserved = reserved + $3 WHERE product_id = $1", [
      productId,
      change.available * quantity,
      change.reserved * quantity,
    ]);
  }
}
