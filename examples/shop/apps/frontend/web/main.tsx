import { api, ApiError, money, type Order, Page, type Product, Status, usePolling } from "@shop/browser";
import { render } from "preact";
import { useEffect, useState } from "preact/hooks";

type Basket = ReadonlyMap<string, number>;

function Shop({ signedIn, signOut }: { signedIn: boolean; signOut: () => void }) {
  const [products, setProducts] = useState<Product[]>([]);
  const [basket, setBasket] = useState<Basket>(new Map());
  const [problem, setProblem] = useState("");
  const orders = usePolling(api.orders, 1_000, signedIn);

  useEffect(() => {
    api.products().then(setProducts, (error: Error) => setProblem(error.message));
  }, []);
  useEffect(() => {
    if (orders.error instanceof ApiError && orders.error.status === 401) signOut();
  }, [orders.error]);

  const names = new Map(products.map(({ id, name }) => [id, name]));
  const add = (id: string) => setBasket(new Map(basket).set(id, (basket.get(id) ?? 0) + 1));

  return (
    <>
      <p role="alert">{problem}</p>
      {basket.size > 0 && (
        <BasketCard
          products={products}
          basket={basket}
          signedIn={signedIn}
          onEmpty={() => setBasket(new Map())}
          onOrdered={() => void orders.refresh()}
        />
      )}
      {orders.data && orders.data.length > 0 && <Orders orders={orders.data} names={names} />}
      <h2 id="products">Made by hand in Andalusia</h2>
      <ul class="products" aria-labelledby="products">
        {products.map((product) => (
          <li key={product.id}>
            <h3>{product.name}</h3>
            <p>{product.description}</p>
            <div class="row">
              <strong>{money(product.priceCents)}</strong>
              <button type="button" aria-label={`Add ${product.name} to the basket`} onClick={() => add(product.id)}>
                Add
              </button>
            </div>
          </li>
        ))}
      </ul>
    </>
  );
}

interface BasketProps {
  products: Product[];
  basket: Basket;
  signedIn: boolean;
  onEmpty: () => void;
  onOrdered: () => void;
}

function BasketCard({ products, basket, signedIn, onEmpty, onOrdered }: BasketProps) {
  // One key a basket: an order that is sent again after a lost answer stays one order.
  const [key, setKey] = useState("");
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState("");
  useEffect(() => setKey(newKey()), [basket]);

  const chosen = products.filter(({ id }) => basket.has(id));
  const quantity = (id: string) => basket.get(id) ?? 0;
  const total = chosen.reduce((sum, { id, priceCents }) => sum + priceCents * quantity(id), 0);

  const order = async () => {
    setBusy(true);
    setProblem("");
    try {
      await api.order(
        chosen.map(({ id }) => ({ productId: id, quantity: quantity(id) })),
        key,
      );
      onEmpty();
      onOrdered();
    } catch (error) {
      setProblem((error as Error).message);
    } finally {
      setBusy(false);
    }
  };

  return (
    <section class="card" aria-labelledby="basket">
      <h2 id="basket">Your basket</h2>
      <ul>
        {chosen.map(({ id, name, priceCents }) => (
          <li key={id}>
            {quantity(id)} × {name}, {money(priceCents * quantity(id))}
          </li>
        ))}
      </ul>
      <form onSubmit={(event) => event.preventDefault()}>
        <strong>{money(total)}</strong>
        <button disabled={busy || !signedIn} onClick={order}>
          {signedIn ? "Order" : "Sign in to order"}
        </button>
        <button type="button" class="quiet" disabled={busy} onClick={onEmpty}>
          Empty
        </button>
      </form>
      <p role="alert">{problem}</p>
    </section>
  );
}

function Orders({ orders, names }: { orders: Order[]; names: ReadonlyMap<string, string> }) {
  return (
    <section class="card" aria-labelledby="orders">
      <h2 id="orders">Your orders</h2>
      <ul aria-live="polite">
        {orders.slice(0, 5).map((order) => (
          <li key={order.id}>
            {order.items
              .map(({ productId, quantity }) => `${quantity} × ${names.get(productId) ?? productId}`)
              .join(", ")}
            , {money(order.totalCents)} <Status order={order} />
          </li>
        ))}
      </ul>
    </section>
  );
}

/** `crypto.randomUUID` needs HTTPS, which a shop on a bare address does not have. */
const newKey = () =>
  Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");

render(
  <Page title="A4CO" link={{ href: "/dashboard/", text: "Dashboard" }}>
    {(signedIn, signOut) => <Shop signedIn={signedIn} signOut={signOut} />}
  </Page>,
  document.getElementById("app") as HTMLElement,
);
