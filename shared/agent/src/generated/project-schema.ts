// Written by schemas/generate.ts from schemas/policy/busbar.schema.json. Do not edit: run `node schemas/generate.ts`.

/** JSON Schema of busbar.yaml. */
export const PROJECT_SCHEMA: Readonly<Record<string, unknown>> = {
  "$schema": "http://json-schema.org/draft-07/schema#",
  "title": "busbar.yaml",
  "description": "The policy of a bus, as an operator edits it. What is left out has the default of the reference page.",
  "type": "object",
  "additionalProperties": false,
  "required": [
    "version",
    "agents"
  ],
  "definitions": {
    "names": {
      "type": "array",
      "items": {
        "type": "string",
        "minLength": 1
      }
    },
    "paths": {
      "type": "array",
      "items": {
        "type": "string",
        "pattern": "^\\.{1,2}/"
      }
    },
    "count": {
      "type": "integer",
      "minimum": 0
    },
    "ms": {
      "type": "integer",
      "minimum": 1
    },
    "positive": {
      "type": "integer",
      "minimum": 1
    },
    "claims": {
      "type": "array",
      "items": {
        "type": "object",
        "additionalProperties": false,
        "required": [
          "subject",
          "value",
          "source"
        ],
        "properties": {
          "subject": {
            "type": "string",
            "minLength": 1
          },
          "value": {},
          "source": {
            "type": "string",
            "minLength": 1,
            "maxLength": 64
          },
          "each": {
            "type": "string"
          },
          "version": {
            "type": "string"
          },
          "asOf": {
            "type": "string"
          },
          "ttlMs": {
            "$ref": "#/definitions/ms"
          }
        }
      }
    },
    "mode": {
      "enum": [
        "enforce",
        "shadow",
        "off"
      ]
    },
    "resultChecks": {
      "type": "array",
      "maxItems": 64,
      "items": {
        "type": "object",
        "additionalProperties": false,
        "required": [
          "name",
          "require",
          "reason"
        ],
        "properties": {
          "name": {
            "type": "string",
            "pattern": "^[A-Za-z][A-Za-z0-9_.-]{0,63}$"
          },
          "when": {
            "type": "string",
            "minLength": 1
          },
          "require": {
            "type": "string",
            "minLength": 1
          },
          "reason": {
            "type": "string",
            "minLength": 1,
            "maxLength": 512
          },
          "mode": {
            "$ref": "#/definitions/mode"
          }
        }
      }
    },
    "checks": {
      "type": "array",
      "maxItems": 64,
      "items": {
        "type": "object",
        "additionalProperties": false,
        "required": [
          "name",
          "require",
          "reason"
        ],
        "properties": {
          "name": {
            "type": "string",
            "pattern": "^[A-Za-z][A-Za-z0-9_.-]{0,63}$"
          },
          "when": {
            "type": "string",
            "minLength": 1
          },
          "require": {
            "type": "string",
            "minLength": 1
          },
          "otherwise": {
            "enum": [
              "refuse",
              "degrade",
              "approve"
            ]
          },
          "reason": {
            "type": "string",
            "minLength": 1,
            "maxLength": 512
          },
          "mode": {
            "$ref": "#/definitions/mode"
          }
        }
      }
    },
    "answerChecks": {
      "type": "array",
      "maxItems": 64,
      "items": {
        "type": "object",
        "additionalProperties": false,
        "required": [
          "name",
          "require",
          "reason"
        ],
        "properties": {
          "name": {
            "type": "string",
            "pattern": "^[A-Za-z][A-Za-z0-9_.-]{0,63}$"
          },
          "when": {
            "type": "string",
            "minLength": 1
          },
          "require": {
            "type": "string",
            "minLength": 1
          },
          "otherwise": {
            "enum": [
              "refuse",
              "degrade"
            ]
          },
          "reason": {
            "type": "string",
            "minLength": 1,
            "maxLength": 512
          },
          "mode": {
            "$ref": "#/definitions/mode"
          }
        }
      }
    },
    "judges": {
      "type": "array",
      "minItems": 1,
      "maxItems": 8,
      "items": {
        "type": "object",
        "required": [
          "name",
          "kind"
        ],
        "properties": {
          "name": {
            "type": "string",
            "pattern": "^[a-z][a-z0-9-]{0,63}$"
          },
          "kind": {
            "enum": [
              "rule",
              "model",
              "check"
            ]
          },
          "require": {
            "type": "string",
            "minLength": 1
          },
          "model": {
            "type": "string",
            "minLength": 1
          },
          "question": {
            "type": "string",
            "minLength": 1,
            "maxLength": 8192
          },
          "tool": {
            "type": "string",
            "minLength": 1
          },
          "args": {
            "type": "object"
          },
          "expect": {
            "type": [
              "object",
              "string"
            ]
          }
        },
        "additionalProperties": false,
        "allOf": [
          {
            "if": {
              "properties": {
                "kind": {
                  "const": "rule"
                }
              }
            },
            "then": {
              "required": [
                "require"
              ]
            }
          },
          {
            "if": {
              "properties": {
                "kind": {
                  "const": "model"
                }
              }
            },
            "then": {
              "required": [
                "model",
                "question"
              ]
            }
          },
          {
            "if": {
              "properties": {
                "kind": {
                  "const": "check"
                }
              }
            },
            "then": {
              "required": [
                "tool",
                "args",
                "expect"
              ]
            }
          }
        ]
      }
    },
    "trust": {
      "enum": [
        "trusted",
        "untrusted"
      ]
    },
    "flowMarks": {
      "type": "object",
      "additionalProperties": false,
      "properties": {
        "lower": {
          "$ref": "#/definitions/count"
        },
        "upper": {
          "$ref": "#/definitions/count"
        },
        "pause": {
          "$ref": "#/definitions/count"
        },
        "lagLowerMs": {
          "$ref": "#/definitions/count"
        },
        "lagUpperMs": {
          "$ref": "#/definitions/count"
        }
      }
    }
  },
  "properties": {
    "version": {
      "const": 1
    },
    "modules": {
      "type": "object",
      "additionalProperties": false,
      "properties": {
        "tools": {
          "$ref": "#/definitions/paths"
        },
        "models": {
          "$ref": "#/definitions/paths"
        },
        "agents": {
          "$ref": "#/definitions/paths"
        }
      }
    },
    "tools": {
      "type": "object",
      "additionalProperties": {
        "type": "object",
        "additionalProperties": false,
        "properties": {
          "attempts": {
            "type": "integer",
            "minimum": 1,
            "maximum": 100
          },
          "timeoutMs": {
            "$ref": "#/definitions/ms"
          },
          "fireBoundMs": {
            "$ref": "#/definitions/ms"
          },
          "volatile": {
            "type": "boolean"
          },
          "claims": {
            "$ref": "#/definitions/claims"
          },
          "trust": {
            "$ref": "#/definitions/trust"
          },
          "outbound": {
            "type": "boolean"
          },
          "sensitive": {
            "type": "boolean"
          },
          "tracked": {
            "$ref": "#/definitions/names"
          },
          "person": {
            "type": "boolean"
          },
          "undo": {
            "type": "object",
            "additionalProperties": false,
            "required": [
              "tool",
              "args"
            ],
            "properties": {
              "tool": {
                "type": "string",
                "minLength": 1
              },
              "args": {
                "type": "object"
              }
            }
          },
          "approve": {
            "enum": [
              "always",
              "never"
            ]
          },
          "checks": {
            "$ref": "#/definitions/checks"
          },
          "resultChecks": {
            "$ref": "#/definitions/resultChecks"
          },
          "concurrency": {
            "$ref": "#/definitions/positive"
          },
          "rate": {
            "type": "object",
            "additionalProperties": false,
            "required": [
              "calls",
              "perMs"
            ],
            "properties": {
              "calls": {
                "$ref": "#/definitions/positive"
              },
              "perMs": {
                "$ref": "#/definitions/ms"
              }
            }
          }
        }
      }
    },
    "httpTools": {
      "type": "object",
      "propertyNames": {
        "pattern": "^[A-Za-z][A-Za-z0-9_.-]{0,63}$"
      },
      "additionalProperties": {
        "type": "object",
        "additionalProperties": false,
        "required": [
          "description",
          "effect",
          "args",
          "timeoutMs",
          "http"
        ],
        "properties": {
          "description": {
            "type": "string",
            "minLength": 1
          },
          "effect": {
            "enum": [
              "read",
              "write",
              "destructive"
            ]
          },
          "toolClass": {
            "enum": [
              "exact",
              "at-most-once"
            ]
          },
          "keyLifetimeMs": {
            "$ref": "#/definitions/ms"
          },
          "args": {
            "type": "object"
          },
          "result": {
            "type": "object"
          },
          "identity": {
            "$ref": "#/definitions/names"
          },
          "subject": {
            "$ref": "#/definitions/names"
          },
          "timeoutMs": {
            "$ref": "#/definitions/ms"
          },
          "fireBoundMs": {
            "$ref": "#/definitions/ms"
          },
          "attempts": {
            "type": "integer",
            "minimum": 1,
            "maximum": 100
          },
          "volatile": {
            "type": "boolean"
          },
          "claims": {
            "$ref": "#/definitions/claims"
          },
          "trust": {
            "$ref": "#/definitions/trust"
          },
          "outbound": {
            "type": "boolean"
          },
          "sensitive": {
            "type": "boolean"
          },
          "tracked": {
            "$ref": "#/definitions/names"
          },
          "person": {
            "type": "boolean"
          },
          "checks": {
            "$ref": "#/definitions/checks"
          },
          "resultChecks": {
            "$ref": "#/definitions/resultChecks"
          },
          "readBack": {
            "type": "object",
            "additionalProperties": false,
            "required": [
              "tool",
              "args",
              "expect"
            ],
            "properties": {
              "tool": {
                "type": "string"
              },
              "args": {
                "type": "object"
              },
              "expect": {
                "type": [
                  "object",
                  "string"
                ]
              },
              "withinMs": {
                "type": "integer",
                "minimum": 0,
                "maximum": 60000
              }
            }
          },
          "version": {
            "type": "string",
            "pattern": "^\\$result(\\..+)?$"
          },
          "dependsOn": {
            "type": "object",
            "additionalProperties": false,
            "required": [
              "tool",
              "args"
            ],
            "properties": {
              "tool": {
                "type": "string"
              },
              "args": {
                "type": "object"
              },
              "check": {
                "enum": [
                  "tool",
                  "gateway"
                ]
              }
            }
          },
          "http": {
            "type": "object",
            "additionalProperties": false,
            "required": [
              "method",
              "url"
            ],
            "properties": {
              "method": {
                "enum": [
                  "GET",
                  "HEAD",
                  "POST",
                  "PUT",
                  "PATCH",
                  "DELETE"
                ]
              },
              "url": {
                "type": "string"
              },
              "query": {
                "type": "object"
              },
              "headers": {
                "type": "object",
                "additionalProperties": {
                  "type": "string"
                }
              },
              "body": {},
              "idempotencyHeader": {
                "type": "string"
              },
              "versionHeader": {
                "type": "string"
              },
              "serverErrors": {
                "enum": [
                  "unknown",
                  "not-done"
                ]
              },
              "expects": {
                "enum": [
                  "json",
                  "text"
                ]
              },
              "responseLimitBytes": {
                "$ref": "#/definitions/positive"
              }
            }
          }
        }
      }
    },
    "models": {
      "type": "object",
      "additionalProperties": {
        "type": "object",
        "additionalProperties": false,
        "properties": {
          "timeoutMs": {
            "$ref": "#/definitions/ms"
          },
          "attempts": {
            "type": "integer",
            "minimum": 1,
            "maximum": 100
          },
          "resultChecks": {
            "$ref": "#/definitions/resultChecks"
          },
          "concurrency": {
            "$ref": "#/definitions/positive"
          },
          "rate": {
            "type": "object",
            "additionalProperties": false,
            "required": [
              "calls",
              "perMs"
            ],
            "properties": {
              "calls": {
                "$ref": "#/definitions/positive"
              },
              "perMs": {
                "$ref": "#/definitions/ms"
              }
            }
          },
          "kind": {
            "enum": [
              "openai"
            ]
          },
          "model": {
            "type": "string",
            "minLength": 1
          },
          "baseUrl": {
            "type": "string"
          },
          "apiKey": {
            "type": "string",
            "pattern": "^[A-Za-z_][A-Za-z0-9_]*$"
          },
          "firstTokenTimeoutMs": {
            "$ref": "#/definitions/ms"
          },
          "stream": {
            "type": "boolean"
          }
        }
      }
    },
    "agents": {
      "type": "object",
      "propertyNames": {
        "pattern": "^[A-Za-z][A-Za-z0-9_.-]{0,63}$"
      },
      "additionalProperties": {
        "type": "object",
        "additionalProperties": false,
        "properties": {
          "tools": {
            "$ref": "#/definitions/names"
          },
          "sends": {
            "$ref": "#/definitions/names"
          },
          "models": {
            "$ref": "#/definitions/names"
          },
          "grounded": {
            "$ref": "#/definitions/names"
          },
          "answerChecks": {
            "$ref": "#/definitions/answerChecks"
          },
          "concurrency": {
            "$ref": "#/definitions/positive"
          },
          "rate": {
            "type": "object",
            "additionalProperties": false,
            "required": [
              "calls",
              "perMs"
            ],
            "properties": {
              "calls": {
                "$ref": "#/definitions/positive"
              },
              "perMs": {
                "$ref": "#/definitions/ms"
              }
            }
          },
          "destructive": {
            "type": "object",
            "additionalProperties": false,
            "properties": {
              "concurrency": {
                "$ref": "#/definitions/positive"
              },
              "rate": {
                "type": "object",
                "additionalProperties": false,
                "required": [
                  "calls",
                  "perMs"
                ],
                "properties": {
                  "calls": {
                    "$ref": "#/definitions/positive"
                  },
                  "perMs": {
                    "$ref": "#/definitions/ms"
                  }
                }
              }
            }
          },
          "perTool": {
            "type": "object",
            "additionalProperties": {
              "type": "object",
              "additionalProperties": false,
              "properties": {
                "concurrency": {
                  "$ref": "#/definitions/positive"
                },
                "rate": {
                  "type": "object",
                  "additionalProperties": false,
                  "required": [
                    "calls",
                    "perMs"
                  ],
                  "properties": {
                    "calls": {
                      "$ref": "#/definitions/positive"
                    },
                    "perMs": {
                      "$ref": "#/definitions/ms"
                    }
                  }
                }
              }
            }
          }
        }
      }
    },
    "rules": {
      "type": "object",
      "additionalProperties": false,
      "properties": {
        "consecutiveErrors": {
          "$ref": "#/definitions/count"
        },
        "contradictions": {
          "$ref": "#/definitions/count"
        },
        "destructiveRun": {
          "$ref": "#/definitions/count"
        },
        "gate": {
          "type": "object",
          "additionalProperties": false,
          "properties": {
            "every": {
              "type": "integer",
              "minimum": 0,
              "maximum": 100
            },
            "require": {
              "enum": [
                "answered",
                "verified"
              ]
            }
          }
        },
        "modes": {
          "type": "object",
          "propertyNames": {
            "enum": [
              "consecutive-errors",
              "contradiction",
              "destructive-run",
              "verification-gate",
              "untrusted-text",
              "reconciliation"
            ]
          },
          "additionalProperties": {
            "enum": [
              "enforce",
              "shadow",
              "off"
            ]
          }
        }
      }
    },
    "authorities": {
      "type": "object",
      "propertyNames": {
        "pattern": "^[A-Za-z]"
      },
      "additionalProperties": {
        "type": "object",
        "additionalProperties": false,
        "required": [
          "tool"
        ],
        "properties": {
          "tool": {
            "type": "string"
          },
          "args": {
            "type": "object"
          },
          "resolve": {
            "enum": [
              "authority",
              "freshness",
              "quorum"
            ]
          },
          "also": {
            "type": "array",
            "maxItems": 8,
            "items": {
              "type": "object",
              "additionalProperties": false,
              "required": [
                "tool"
              ],
              "properties": {
                "tool": {
                  "type": "string"
                },
                "args": {
                  "type": "object"
                }
              }
            }
          },
          "k": {
            "type": "integer",
            "minimum": 2,
            "maximum": 9
          },
          "skewMs": {
            "$ref": "#/definitions/count"
          }
        }
      }
    },
    "statements": {
      "type": "object",
      "additionalProperties": {
        "type": "object",
        "additionalProperties": false,
        "required": [
          "tool",
          "refutedWhen"
        ],
        "properties": {
          "tool": {
            "type": "string"
          },
          "args": {
            "type": "object"
          },
          "refutedWhen": {
            "type": "object",
            "additionalProperties": false,
            "required": [
              "path",
              "equals"
            ],
            "properties": {
              "path": {
                "type": "string",
                "minLength": 1
              },
              "equals": {}
            }
          }
        }
      }
    },
    "breaker": {
      "type": "object",
      "additionalProperties": false,
      "properties": {
        "consecutiveFailures": {
          "$ref": "#/definitions/count"
        },
        "perAgent": {
          "$ref": "#/definitions/count"
        },
        "agentFailures": {
          "$ref": "#/definitions/count"
        },
        "perTool": {
          "$ref": "#/definitions/count"
        },
        "pairFailures": {
          "$ref": "#/definitions/count"
        },
        "rates": {
          "type": "object",
          "additionalProperties": false,
          "properties": {
            "window": {
              "type": "integer",
              "minimum": 0,
              "maximum": 100
            },
            "errors": {
              "$ref": "#/definitions/count"
            },
            "slow": {
              "$ref": "#/definitions/count"
            },
            "slowMs": {
              "$ref": "#/definitions/ms"
            }
          }
        },
        "cooldownMs": {
          "$ref": "#/definitions/ms"
        },
        "probes": {
          "type": "integer",
          "minimum": 1
        }
      }
    },
    "flow": {
      "type": "object",
      "additionalProperties": false,
      "properties": {
        "agent": {
          "$ref": "#/definitions/flowMarks"
        },
        "partition": {
          "$ref": "#/definitions/flowMarks"
        },
        "intervalMs": {
          "$ref": "#/definitions/ms"
        },
        "retryAfterMs": {
          "$ref": "#/definitions/ms"
        },
        "orderEveryMs": {
          "$ref": "#/definitions/ms"
        }
      }
    },
    "drift": {
      "type": "object",
      "additionalProperties": false,
      "properties": {
        "window": {
          "$ref": "#/definitions/count"
        },
        "psi": {
          "type": "number",
          "exclusiveMinimum": 0
        },
        "action": {
          "enum": [
            "inform",
            "halt"
          ]
        }
      }
    },
    "approvals": {
      "type": "object",
      "additionalProperties": false,
      "properties": {
        "expiresMs": {
          "type": "integer",
          "minimum": 1,
          "maximum": 2592000000
        },
        "effects": {
          "type": "array",
          "items": {
            "enum": [
              "read",
              "write",
              "destructive"
            ]
          }
        }
      }
    },
    "quorum": {
      "type": "object",
      "additionalProperties": false,
      "required": [
        "agree",
        "judges"
      ],
      "properties": {
        "effects": {
          "type": "array",
          "items": {
            "enum": [
              "write",
              "destructive"
            ]
          }
        },
        "tools": {
          "$ref": "#/definitions/names"
        },
        "amount": {
          "type": "object",
          "additionalProperties": false,
          "required": [
            "path",
            "above"
          ],
          "properties": {
            "path": {
              "type": "string",
              "minLength": 1
            },
            "above": {
              "type": "number"
            }
          }
        },
        "agree": {
          "$ref": "#/definitions/positive"
        },
        "otherwise": {
          "enum": [
            "hold",
            "refuse"
          ]
        },
        "timeoutMs": {
          "$ref": "#/definitions/ms"
        },
        "judges": {
          "$ref": "#/definitions/judges"
        }
      }
    },
    "rollbackOnHalt": {
      "type": "boolean"
    },
    "degradation": {
      "type": "object",
      "additionalProperties": false,
      "properties": {
        "confidence": {
          "type": "number",
          "minimum": 0,
          "maximum": 1
        },
        "refusals": {
          "type": "integer",
          "minimum": 0,
          "maximum": 100
        },
        "refuted": {
          "type": "boolean"
        },
        "rungs": {
          "type": "array",
          "items": {
            "enum": [
              "read-only",
              "approve",
              "halt",
              "hand-off"
            ]
          }
        },
        "handOffOnHalt": {
          "type": "boolean"
        }
      }
    },
    "limits": {
      "type": "object",
      "additionalProperties": false,
      "properties": {
        "maxSteps": {
          "type": "integer",
          "minimum": 1
        },
        "maxOpenCalls": {
          "type": "integer",
          "minimum": 1
        },
        "maxChildren": {
          "$ref": "#/definitions/count"
        },
        "maxOpenChains": {
          "type": "integer",
          "minimum": 1
        },
        "closedChainsMs": {
          "$ref": "#/definitions/ms"
        },
        "settleMarginMs": {
          "$ref": "#/definitions/count"
        },
        "keyMarginMs": {
          "$ref": "#/definitions/count"
        },
        "throttleMs": {
          "$ref": "#/definitions/count"
        },
        "learnPace": {
          "type": "boolean"
        }
      }
    }
  }
};
