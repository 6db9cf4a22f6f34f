// Functions loads JavaScript, and Node the TypeScript.
import './main.ts'
