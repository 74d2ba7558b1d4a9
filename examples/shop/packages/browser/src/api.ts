export interface Product {
  id: string;
  name: string;
  description: string;
  priceCents: number;
}

export interface Stock {
  productId: string;
  available: number;
  reserved: number;
}

export interface Order {
  id: string;
  status: "pending" | "confirmed" | "cancelled";
  reason: string | null;
  items: { productId: string; quantity: number }[];
  totalCents: number;
  createdAt: string;
}

interface Credentials {
  email: string;
  password: string;
}

export class ApiError extends Error {
  constructor(
    readonly status: number,
    message: string,
  ) {
    super(message);
  }
}

const TOKEN = "token";

async function call<T>(method: string, path: string, body?: unknown, headers: Record<string, string> = {}): Promise<T> {
  const token = sessionStorage.getItem(TOKEN);
  const response = await fetch(`/api/v1${path}`, {
    method,
    headers: {
      ...headers,
      ...(token && { authorization: `Bearer ${token}` }),
      ...(body !== undefined && { "content-type": "application/json" }),
    },
    ...(body !== undefined && { body: JSON.stringify(body) }),
  });
  const answer = (await response.json().catch(() => ({}))) as T & { error?: string };
  if (!response.ok) throw new ApiError(response.status, answer.error ?? "The shop did not answer. Try again.");
  return answer;
}

export const api = {
  products: () => call<Product[]>("GET", "/products"),
  stock: () => call<Stock[]>("GET", "/inventory"),
  orders: () => call<Order[]>("GET", "/orders"),
  /** The key makes a repeated click or a repeated request the same order. */
  order: (items: Order["items"], key: string) =>
    call<Pick<Order, "id" | "status">>("POST", "/orders", { items }, { "idempotency-key": key }),
  register: (user: Credentials) => call<{ id: string }>("POST", "/auth/register", user),
  async login(user: Credentials): Promise<void> {
    const { token } = await call<{ token: string }>("POST", "/auth/login", user);
    sessionStorage.setItem(TOKEN, token);
  },
  logout: () => sessionStorage.removeItem(TOKEN),
  signedIn: () => sessionStorage.getItem(TOKEN) !== null,
};
