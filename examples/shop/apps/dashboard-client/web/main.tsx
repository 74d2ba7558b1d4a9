import { api, ApiError, money, type Order, Page, Status, type Stock, usePolling, when } from "@shop/browser";
import { render } from "preact";
import { useEffect } from "preact/hooks";

function Dashboard({ signedIn, signOut }: { signedIn: boolean; signOut: () => void }) {
  const stock = usePolling(api.stock, 2_000);
  const orders = usePolling(api.orders, 2_000, signedIn);
  useEffect(() => {
    if (orders.error instanceof ApiError && orders.error.status === 401) signOut();
  }, [orders.error]);

  return (
    <>
      <p role="alert">{stock.error?.message}</p>
      {orders.data && <OrdersTable orders={orders.data} />}
      {stock.data && <StockTable stock={stock.data} />}
    </>
  );
}

function OrdersTable({ orders }: { orders: Order[] }) {
  return (
    <section class="card" aria-labelledby="orders">
      <h2 id="orders">Orders</h2>
      <table aria-labelledby="orders">
        <thead>
          <tr>
            <th scope="col">Placed</th>
            <th scope="col">Items</th>
            <th scope="col" class="number">
              Total
            </th>
            <th scope="col">Status</th>
          </tr>
        </thead>
        <tbody>
          {orders.map((order) => (
            <tr key={order.id}>
              <td>{when(order.createdAt)}</td>
              <td>{order.items.map(({ productId, quantity }) => `${quantity} × ${productId}`).join(", ")}</td>
              <td class="number">{money(order.totalCents)}</td>
              <td>
                <Status order={order} />
              </td>
            </tr>
          ))}
        </tbody>
      </table>
      {orders.length === 0 && <p>None yet.</p>}
    </section>
  );
}

function StockTable({ stock }: { stock: Stock[] }) {
  return (
    <section class="card" aria-labelledby="stock">
      <h2 id="stock">Stock</h2>
      <table aria-labelledby="stock">
        <thead>
          <tr>
            <th scope="col">Product</th>
            <th scope="col" class="number">
              Available
            </th>
            <th scope="col" class="number">
              Reserved
            </th>
          </tr>
        </thead>
        <tbody>
          {stock.map(({ productId, available, reserved }) => (
            <tr key={productId}>
              <th scope="row">{productId}</th>
              <td class="number">{available}</td>
              <td class="number">{reserved}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  );
}

render(
  <Page title="A4CO dashboard" link={{ href: "/", text: "Shop" }}>
    {(signedIn, signOut) => <Dashboard signedIn={signedIn} signOut={signOut} />}
  </Page>,
  document.getElementById("app") as HTMLElement,
);
