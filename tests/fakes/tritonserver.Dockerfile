# A fake of NVIDIA's Triton images, under their tags: a real tritonserver with its Python backend, from a wheel,
# at the same path; no other backend, no CUDA.
FROM python:3.12-slim
RUN python -m venv /opt/wheel \
    && /opt/wheel/bin/pip install --quiet --no-cache-dir "nvidia-pytriton==0.7.0" "numpy<2" \
    && pip install --quiet --no-cache-dir "numpy<2" pyyaml \
    && mkdir -p /opt/tritonserver/bin \
    && cp -r /opt/wheel/lib/python3.12/site-packages/pytriton/tritonserver/backends /opt/tritonserver/ \
    && cp /opt/wheel/lib/python3.12/site-packages/pytriton/tritonserver/python_backend_stubs/3.12/* \
        /opt/tritonserver/backends/python/ \
    && printf '#!/bin/sh\nexport LD_LIBRARY_PATH=%s:/usr/local/lib\nexec %s "$@" --backend-directory=%s\n' \
        /opt/wheel/lib/python3.12/site-packages/nvidia_pytriton.libs \
        /opt/wheel/lib/python3.12/site-packages/pytriton/tritonserver/bin/tritonserver \
        /opt/tritonserver/backends > /opt/tritonserver/bin/tritonserver \
    && chmod +x /opt/tritonserver/bin/tritonserver
ENV PATH=/opt/tritonserver/bin:$PATH
# The fakes of the inference servers of language models.
COPY tensorrt_llm/ /usr/local/lib/python3.12/site-packages/tensorrt_llm/
COPY vllm_backend/ /opt/tritonserver/backends/vllm/
ENTRYPOINT ["/bin/sh"]
