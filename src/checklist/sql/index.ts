export { isStatement, type Statement, sql } from "../../core/statement.ts"
export { state } from "./sql.ts"
