export type { Database, Sql, SqlParameter } from './database.js'
export { isUniqueViolation, sqlState } from './errors.js'
export { leaseMachine, type MachineLease } from './machine.js'
export { openDatabase } from './open.js'
