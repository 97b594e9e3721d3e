export { type ParseOptions, parsePlaybook } from './parse.js'
