/** The wires between each kind of process and the brokers, as proxies that can be cut and slowed one kind at a time. */
import { TcpProxy } from "@busbar/testkit";
import { LINKS, type Link } from "./spec.ts";

export interface Links {
  /** Variables of the processes of one kind. */
  env(link: Link): Readonly<Record<string, string>>;
  /** For a log in this process. */
  route(link: Link): (address: { readonly host: string; readonly port: number }) => { host: string; port: number };
  /** Ends the connections and lets no new ones through, until it is mended. */
  cut(link: Link): void;
  mend(link: Link): void;
  /** Each chunk of each direction comes later by so much, ms; 0 ends it. */
  slow(link: Link, delayMs: number): void;
  close(): Promise<void>;
}

const portOf = (address: string): number => Number(address.slice(address.lastIndexOf(":") + 1));

export async function openLinks(brokers: readonly string[]): Promise<Links> {
  const proxies = new Map<Link, ReadonlyMap<number, TcpProxy>>();
  for (const link of LINKS) {
    const own = new Map<number, TcpProxy>();
    for (const port of brokers.map(portOf)) own.set(port, await TcpProxy.open({ host: "127.0.0.1", port }));
    proxies.set(link, own);
  }
  const of = (link: Link): readonly TcpProxy[] => [...(proxies.get(link)?.values() ?? [])];
  return {
    env: (link) => {
      const own = [...(proxies.get(link) ?? [])].map(([port, proxy]) => [port, proxy.address.port] as const);
      return { BUSBAR_CHAOS_ROUTE: JSON.stringify(Object.fromEntries(own)) };
    },
    route:
      (link) =>
      ({ host, port }) =>
        proxies.get(link)?.get(port)?.address ?? { host, port },
    cut: (link) => {
      for (const proxy of of(link)) {
        proxy.refuse(true);
        proxy.cut();
      }
    },
    mend: (link) => of(link).forEach((proxy) => proxy.refuse(false)),
    slow: (link, delayMs) => of(link).forEach((proxy) => proxy.delay(delayMs)),
    close: async () => {
      await Promise.all(LINKS.flatMap((link) => of(link).map((proxy) => proxy.close())));
    },
  };
}
