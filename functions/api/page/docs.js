// Shows the API's own description with Swagger UI, which /docs loads first. Depends on no module.

SwaggerUIBundle({ url: 'openapi.json', dom_id: '#docs', deepLinking: true, validatorUrl: null });
