/** Tools and models over HTTP (Node; loaded by gateways). */
export { failureOf, type HttpEnd, type HttpTraits, retryAfterMs } from "./classify.ts";
export { defineHttpTool, HTTP_METHODS, type HttpCall, type HttpMethod, type HttpToolSpec } from "./http-tool.ts";
export { defineOpenAiModel, type OpenAiModelSpec } from "./openai-model.ts";
export { closeConnections } from "./transport.ts";
