//! Texts around the API's description in English and Chinese; the description itself is in English. A key missing in
//! one language does not compile.

import { fill, language } from "../i18n";

const en = {
  title: "The API",
  intro: "What this server answers, as it describes itself.",
  inEnglish: "",
  version: "version {version}",
  raw: "OpenAPI 3.1 document",
  filter: "Filter by path or words",
  none: "Nothing here has these words.",
  loading: "Asking for the description…",
  down: "The description could not be read",
  downHint: "The server does not answer, or says no.",
  retry: "Try again",
  anybody: "anybody",
  takes: "takes {right}",
  rolesHave: "{right}: {roles}",
  who: "Who may",
  anybodyMay: "Anybody, without credentials.",
  parameters: "Parameters",
  body: "Body",
  example: "Example",
  byHand: "By hand",
  answers: "Answers",
  name: "Name",
  where: "In",
  type: "Type",
  words: "Meaning",
  status: "Status",
  required: "required",
  contents: "Contents",
  codes: "Codes",
  codesTable: "Table of codes",
  codesIntro: "Every refusal has one of these, whatever protocol it is said on.",
  code: "Code",
  happened: "What happened",
  advice: "What to do",
};

export type DocsKey = keyof typeof en;

const zh: Record<DocsKey, string> = {
  title: "接口文档",
  intro: "本服务器对自身接口的说明。",
  inEnglish: "接口说明的正文为英文。",
  version: "版本 {version}",
  raw: "OpenAPI 3.1 文档",
  filter: "按路径或文字筛选",
  none: "没有符合的接口。",
  loading: "正在读取接口说明…",
  down: "读取接口说明失败",
  downHint: "服务器没有应答，或拒绝了请求。",
  retry: "重试",
  anybody: "任何人",
  takes: "需要 {right}",
  rolesHave: "{right}：{roles}",
  who: "谁可以调用",
  anybodyMay: "任何人，无需登录。",
  parameters: "参数",
  body: "请求体",
  example: "示例",
  byHand: "手动调用",
  answers: "应答",
  name: "名称",
  where: "位置",
  type: "类型",
  words: "含义",
  status: "状态码",
  required: "必填",
  contents: "目录",
  codes: "错误码",
  codesTable: "错误码表",
  codesIntro: "每次拒绝都带有其中一个错误码，各种协议通用。",
  code: "错误码",
  happened: "发生了什么",
  advice: "怎么办",
};

const texts = { en, zh };

export function d(key: DocsKey, values: Record<string, string | number> = {}): string {
  return fill(texts[language()][key], values);
}
