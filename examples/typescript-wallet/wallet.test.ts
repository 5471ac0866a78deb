import { vectors } from "./tokenspec.ts";
import { Wallet } from "./wallet.ts";

for (const place of (process.env.VECTORS ?? "vectors").split(",")) vectors(place, () => new Wallet());
