export { isLocalPeer } from "./local-peer.ts"
export { type ProxyOptions, type ProxyPolicy, readProxy } from "./options.ts"
export { type Client, clientOf, state } from "./proxy.ts"
