export * from "../rows.ts"
