{{/* What visitors uploaded is served as data: what a browser would execute is shut into a sandbox,
what begins with a dot and what a link points to is not there. */}}
{{- define "django.nginx" -}}
daemon off;
worker_processes 1;
pid /tmp/nginx.pid;
error_log stderr warn;
events {
  worker_connections 512;
}
http {
  include /etc/nginx/mime.types;
  default_type application/octet-stream;
  access_log off;
  server_tokens off;
  absolute_redirect off;
  sendfile on;
  client_body_temp_path /tmp/client-body;
  proxy_temp_path /tmp/proxy;
  fastcgi_temp_path /tmp/fastcgi;
  uwsgi_temp_path /tmp/uwsgi;
  scgi_temp_path /tmp/scgi;
  map $sent_http_content_type $content_policy {
    default "";
    ~*(html|svg|xml) "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:";
  }
  server {
    listen [::]:9490 ipv6only=off;
    disable_symlinks on from=/srv/files;
    add_header X-Content-Type-Options nosniff always;
    add_header Content-Security-Policy $content_policy always;
    location / {
      return 404;
    }
    location ~ /\. {
      return 404;
    }
{{- range $prefix, $folder := .Values.app.files.urls }}
    location {{ $prefix }} {
      alias /srv/files/{{ if ne $folder "." }}{{ $folder }}/{{ end }};
    }
{{- end }}
  }
}
{{- end }}
